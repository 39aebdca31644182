{{/*
Names, labels and annotations of every object. Where chart and user write the same map, the keys are merged and the user's
value wins; a label that selects pods, or by which Helm knows its objects, may not be changed (see lameduck.check.maps).
*/}}
{{- define "lameduck.selector" -}}
{{- /* As text, whatever the release is called: 7 and true are names, too. */ -}}
{{- dict "app.kubernetes.io/name" (include "lameduck.name" .) "app.kubernetes.io/instance" .Release.Name | toYaml -}}
{{- end -}}

{{/* (list ROOT MAP...): the chart's labels, then commonLabels, then each map. */}}
{{- define "lameduck.labels" -}}
{{- $root := first . -}}
{{- $labels := dict
    "app.kubernetes.io/version" (toString $root.Chart.AppVersion)
    "helm.sh/chart" (printf "%s-%s" $root.Chart.Name (replace "+" "_" $root.Chart.Version) | trunc 63 | trimSuffix "-")
-}}
{{- range prepend (rest .) $root.Values.commonLabels -}}
{{- $labels = mergeOverwrite $labels (deepCopy (default dict .)) -}}
{{- end -}}
{{- $fixed := include "lameduck.selector" $root | fromYaml -}}
{{- $_ := set $fixed "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- mergeOverwrite $labels $fixed | toYaml -}}
{{- end -}}

{{/* (list ROOT MAP...): `annotations:` with commonAnnotations, then each map; nothing if there is none. */}}
{{- define "lameduck.annotations" -}}
{{- $root := first . -}}
{{- $all := dict -}}
{{- range rest . -}}
{{- $all = mergeOverwrite $all (deepCopy (default dict .)) -}}
{{- end -}}
{{- with merge $all (deepCopy $root.Values.commonAnnotations) -}}
annotations: {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* (dict "root" ROOT "suffix" TEXT "labels" MAP "annotations" MAP): what stands below `metadata`. All but root are optional. */}}
{{- define "lameduck.metadata" -}}
name: {{ include "lameduck.fullname" .root }}{{ .suffix }}
labels: {{- include "lameduck.labels" (list .root .labels) | nindent 2 }}
{{- with include "lameduck.annotations" (list .root .annotations) }}
{{ . }}
{{- end }}
{{- end -}}
