{{/* bootstrap.yaml, whole. */}}
{{- define "lameduck.bootstrap" -}}
{{- $services := prepend (default list .Values.cluster.services) (include "lameduck.fullname" .) | uniq -}}
{{- $own := dict
    "service" (dict "name" (include "lameduck.fullname" .))
    "drain" .Values.drain
    "cluster" (dict "services" $services "traffic_policy" (default "Cluster" .Values.service.externalTrafficPolicy | lower))
-}}
{{- /* [::] is both families, and IPv4 alone where IPv6 is off. The service's own defaults stay unsaid. */ -}}
{{- $listen := dict -}}
{{- $ports := dict "http" 8080 "admin" 8081 -}}
{{- if (default dict .Values.grpc).enabled -}}{{- $_ := set $ports "grpc" 9000 -}}{{- end -}}
{{- range $name, $port := $ports -}}
{{- if ne (int (get $.Values.ports $name)) $port -}}
{{- $_ := set $listen $name (printf "[::]:%d" (int (get $.Values.ports $name))) -}}
{{- end -}}
{{- end -}}
{{- with $listen -}}{{- $_ := set $own "listen" . -}}{{- end -}}
{{- if .Values.auth.existingSecret -}}
{{- $_ := set $own "auth" (dict "keys_file" "/etc/lameduck/auth/keys") -}}
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- $files := dict "cert_file" "/etc/lameduck/tls/tls.crt" "key_file" "/etc/lameduck/tls/tls.key" -}}
{{- if .Values.tls.clientCA -}}{{- $_ := set $files "client_ca_file" "/etc/lameduck/tls/ca.crt" -}}{{- end -}}
{{- $_ := set $own "tls" (merge $files (omit (default dict (get .Values.config "tls")) "cert_file" "key_file" "client_ca_file")) -}}
{{- end -}}
{{- with .Values.traces -}}
{{- if .endpoint -}}
{{- $traces := dict "endpoint" .endpoint -}}
{{- with .protocol -}}{{- $_ := set $traces "protocol" . -}}{{- end -}}
{{- if not (kindIs "invalid" .sampleRatio) -}}{{- $_ := set $traces "sample_ratio" (toString .sampleRatio) -}}{{- end -}}
{{- $_ := set $own "traces" $traces -}}
{{- end -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) (deepCopy .Values.extraConfig) $own | toYaml -}}
{{- end -}}
