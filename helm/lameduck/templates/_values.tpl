{{/* Fills in what `null` took away, so that every template may read every section. The schema requires the others. */}}
{{- define "lameduck.values" -}}
{{- $empty := dict
    "pdb" (dict "enabled" false)
    "autoscaling" (dict "enabled" false)
    "networkPolicy" (dict "enabled" false)
    "ingress" (dict "enabled" false)
    "httpRoute" (dict "enabled" false)
    "topologySpread" (dict "enabled" false)
    "metrics" (dict "scrape" "none")
    "serviceAccount" (dict "create" false "name" "")
    "rbac" (dict "create" false)
    "cluster" (dict "services" list)
    "auth" (dict "existingSecret" "")
    "traces" (dict "endpoint" "")
    "tls" (dict "enabled" false)
-}}
{{- range $name, $value := $empty -}}
{{- if not (get $.Values $name) -}}
{{- $_ := set $.Values $name $value -}}
{{- end -}}
{{- end -}}
{{- range $name := list "config" "extraConfig" "env" "podSpec" "rollout" "commonLabels" "commonAnnotations" "podLabels" "podAnnotations" -}}
{{- if not (get $.Values $name) -}}
{{- $_ := set $.Values $name dict -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A value as Kubernetes wants text: a whole number without an exponent. */}}
{{- define "lameduck.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{- int64 . -}}{{- else -}}{{- toString . -}}{{- end -}}
{{- end -}}

{{/*
(list BASE OVER) -> {"value": …}: OVER over BASE. Maps are merged; so are lists whose items all have a mountPath, or else a name,
item by item, by that; all else is replaced, and null removes.
*/}}
{{- define "lameduck.merge" -}}
{{- $base := index . 0 -}}
{{- $over := index . 1 -}}
{{- $out := $over -}}
{{- if and (kindIs "map" $base) (kindIs "map" $over) -}}
{{- $out = deepCopy $base -}}
{{- range $key, $value := $over -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $out $key -}}
{{- else -}}
{{- $_ := set $out $key (get (include "lameduck.merge" (list (get $base $key) $value) | fromJson) "value") -}}
{{- end -}}
{{- end -}}
{{- else if and (kindIs "slice" $base) (kindIs "slice" $over) -}}
{{- $by := "" -}}
{{- range $key := list "name" "mountPath" -}}
{{- $all := true -}}
{{- range concat $base $over -}}
{{- if not (and (kindIs "map" .) (get . $key)) -}}{{- $all = false -}}{{- end -}}
{{- end -}}
{{- if $all -}}{{- $by = $key -}}{{- end -}}
{{- end -}}
{{- if $by -}}
{{- $out = list -}}
{{- $rest := dict -}}
{{- range $over -}}{{- $_ := set $rest (get . $by) . -}}{{- end -}}
{{- range $base -}}
{{- $out = append $out (get (include "lameduck.merge" (list . (get $rest (get . $by) | default dict)) | fromJson) "value") -}}
{{- $_ := unset $rest (get . $by) -}}
{{- end -}}
{{- range $over -}}
{{- if hasKey $rest (get . $by) -}}{{- $out = append $out . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "value" $out | toJson -}}
{{- end -}}
