{{/* bootstrap.yaml, whole. */}}
{{- define "lameduck.bootstrap" -}}
{{- $services := prepend (default list .Values.cluster.services) (include "lameduck.fullname" .) | uniq -}}
{{- $own := dict
    "service" (dict "name" (include "lameduck.fullname" .))
    "listen" (dict "http" (printf "0.0.0.0:%v" .Values.ports.http) "admin" (printf "0.0.0.0:%v" .Values.ports.admin))
    "drain" .Values.drain
    "cluster" (dict "services" $services "traffic_policy" (default "Cluster" .Values.service.externalTrafficPolicy | lower))
-}}
{{- if .Values.auth.existingSecret -}}
{{- $_ := set $own "auth" (dict "keys_file" "/etc/lameduck/auth/keys") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) (deepCopy .Values.extraConfig) $own | toYaml -}}
{{- end -}}
