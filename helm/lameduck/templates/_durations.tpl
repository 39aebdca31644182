{{/* Milliseconds of `1m30s`, `2s`, `250ms`, `1.5s`, `0`; -1 if it is not a duration. */}}
{{- define "lameduck.ms" -}}
{{- $text := toString . -}}
{{- $number := "[0-9]+([.][0-9]+)?" -}}
{{- $whole := printf "^(%[1]sh)?(%[1]sm)?(%[1]ss)?(%[1]sms)?$" $number -}}
{{- if eq $text "0" -}}
0
{{- else if or (eq $text "") (not (regexMatch $whole $text)) -}}
-1
{{- else -}}
{{- $total := 0.0 -}}
{{- range regexFindAll (printf "%s(h|ms|m|s)" $number) $text -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $factor := get (dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1) $unit -}}
{{- $total = addf $total (mulf (float64 (trimSuffix $unit .)) $factor) -}}
{{- end -}}
{{- int64 (round $total 0) -}}
{{- end -}}
{{- end -}}

{{/* Milliseconds for readers: `10s`, `1.5s`, `250ms`. */}}
{{- define "lameduck.duration" -}}
{{- $ms := int64 . -}}
{{- if and (gt $ms 0) (lt $ms 1000) -}}
{{ $ms }}ms
{{- else -}}
{{ divf (float64 $ms) 1000.0 }}s
{{- end -}}
{{- end -}}

{{/* Whole seconds of a duration that was checked before. */}}
{{- define "lameduck.seconds" -}}
{{- div (int64 (include "lameduck.ms" .)) 1000 -}}
{{- end -}}

{{/* A quantity of Kubernetes as a plain number, as `50m`, `32Mi`, `1.5`, `1e3`; -1 if it is not one. */}}
{{- define "lameduck.quantity" -}}
{{- $text := include "lameduck.text" . -}}
{{- if not (regexMatch "^[0-9]+([.][0-9]*)?([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$" $text) -}}
-1
{{- else -}}
{{- $unit := regexFind "([numkMGTPE]|[KMGTPE]i)$" $text -}}
{{- $factors := dict "" 1.0 "n" 0.000000001 "u" 0.000001 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
    "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (float64 (trimSuffix $unit $text)) (get $factors $unit) -}}
{{- end -}}
{{- end -}}

{{/* (list VALUE PODS): how many pods a number or percentage is, rounded up as Kubernetes rounds disruption budgets. */}}
{{- define "lameduck.pods" -}}
{{- $value := toString (first .) -}}
{{- if hasSuffix "%" $value -}}
{{- ceil (divf (mulf (float64 (trimSuffix "%" $value)) (float64 (last .))) 100.0) | int -}}
{{- else -}}
{{- int $value -}}
{{- end -}}
{{- end -}}

{{/* The lowest number of pods there may be. */}}
{{- define "lameduck.leastPods" -}}
{{- if .Values.autoscaling.enabled -}}{{- int .Values.autoscaling.minReplicas -}}{{- else -}}{{- int .Values.replicaCount -}}{{- end -}}
{{- end -}}
