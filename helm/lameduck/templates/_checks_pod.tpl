{{- define "lameduck.check.env" -}}
{{- $seen := dict -}}
{{- range $where, $names := dict "env" (keys .Values.env | sortAlpha) "extraEnv" (include "lameduck.envNames" . | splitList " " | compact) -}}
{{- range $names -}}
{{- if has . (list "POD_NAME" "POD_NAMESPACE" "POD_UID" "CONTAINER_NAME") }}
{{ $where }}: {{ . }} is the pod's identity, which the chart sets itself: remove it
{{- else if hasPrefix "LAMEDUCK_DRAIN__" . }}
{{ $where }}: {{ . }} would bypass the budget that the chart checks: use drain.{{ trimPrefix "LAMEDUCK_DRAIN__" . | lower }}
{{- else if hasPrefix "LAMEDUCK_LISTEN__" . }}
{{ $where }}: {{ . }} would contradict the ports of the pod: use ports.{{ trimPrefix "LAMEDUCK_LISTEN__" . | lower }}
{{- else if hasKey $seen . }}
{{ $where }}: {{ . }} is there twice: remove one
{{- end -}}
{{- $_ := set $seen . true -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.envNames" -}}
{{- range .Values.extraEnv -}}{{ .name }} {{ end -}}
{{- end -}}

{{/* Lists that Kubernetes takes for maps: a name or path may be there once. And what would go around a check. */}}
{{- define "lameduck.check.pod" -}}
{{- $lists := list
    (list "extraVolumes" "name" (list "config" "auth" "tls") .Values.extraVolumes)
    (list "extraVolumeMounts" "mountPath" (list "/etc/lameduck" "/etc/lameduck/auth" "/etc/lameduck/tls") .Values.extraVolumeMounts)
    (list "extraContainers" "name" (list .Chart.Name) .Values.extraContainers)
    (list "initContainers" "name" (list .Chart.Name) .Values.initContainers)
-}}
{{- range $lists -}}
{{- $where := index . 0 -}}{{- $key := index . 1 -}}{{- $own := index . 2 -}}
{{- $seen := dict -}}
{{- range index . 3 | default list -}}
{{- $value := get . $key -}}
{{- if has $value $own }}
{{ $where }}: the {{ $key }} {{ $value }} is the chart's own: use another
{{- else if hasKey $seen $value }}
{{ $where }}: the {{ $key }} {{ $value }} is there twice: remove one
{{- end -}}
{{- $_ := set $seen $value true -}}
{{- end -}}
{{- end -}}
{{- $volumes := list "config" "auth" "tls" -}}
{{- range concat (default list .Values.extraVolumes) (default list .Values.volumeClaimTemplates) (dig "volumes" list .Values.podSpec) -}}
{{- $volumes = append $volumes (default (dig "metadata" "name" "" .) .name) -}}
{{- end -}}
{{- range .Values.extraVolumeMounts -}}
{{- if not (has .name $volumes) }}
extraVolumeMounts: there is no volume {{ .name }}: add it to extraVolumes
{{- end -}}
{{- end -}}
{{- if and .Values.dnsConfig (eq (toString .Values.dnsPolicy) "None") (not .Values.dnsConfig.nameservers) }}
dnsConfig.nameservers: dnsPolicy None needs at least one name server: add it
{{- end -}}
{{- include "lameduck.check.podSpec" . -}}
{{- end -}}

{{- define "lameduck.check.podSpec" -}}
{{- if hasKey .Values.podSpec "terminationGracePeriodSeconds" }}
podSpec.terminationGracePeriodSeconds: would bypass the budget that the chart checks: use drain.grace_period
{{- end -}}
{{- range dig "containers" list .Values.podSpec -}}
{{- if and (eq (toString .name) $.Chart.Name) (dig "lifecycle" "preStop" "" .) }}
podSpec.containers[{{ .name }}].lifecycle.preStop: would bypass the budget that the chart checks: use drain.pre_stop
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Labels by which objects find each other must stay what they are; all others may be the user's. */}}
{{- define "lameduck.check.maps" -}}
{{- $fixed := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/managed-by" -}}
{{- range $where, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "metrics.labels" (default dict .Values.metrics.labels) -}}
{{- range $fixed -}}
{{- if hasKey $labels . }}
{{ $where }}: {{ . }} is how Services and Helm find these objects, so that it cannot be changed here: {{ if hasSuffix "/name" . }}use nameOverride{{ else }}remove it{{ end }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
