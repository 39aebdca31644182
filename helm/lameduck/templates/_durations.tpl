{{/* Milliseconds of `1m30s`, `2s`, `250ms`, `1.5s`, `0`; -1 if it is no duration. */}}
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

{{/* Milliseconds as people write them: `10s`, `1.5s`, `250ms`. */}}
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
