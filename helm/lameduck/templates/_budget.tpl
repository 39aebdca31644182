{{/* Sentences about `drain`, each on its own line; nothing if all is well. */}}
{{- define "lameduck.check.drain" -}}
{{- $drain := .Values.drain -}}
{{- $bad := dict -}}
{{- range $key := list "delay" "floor" "delay_max" "grace_period" "pre_stop" "release" "flush" "scrape_wait" "margin" -}}
{{- if lt (int64 (include "lameduck.ms" (get $drain $key))) 0 -}}
{{- $_ := set $bad $key true }}
drain.{{ $key }}: {{ get $drain $key | toJson }} is not a duration: write a number and its unit, for example 5s, 500ms or 1m30s
{{- else if gt (int64 (include "lameduck.ms" (get $drain $key))) 86400000 }}
{{- $_ := set $bad $key true }}
drain.{{ $key }}: {{ get $drain $key }} is more than 24h, the maximum
{{- end -}}
{{- end -}}
{{- range $key, $words := dict "timeout" (list "auto" "none") "idle_hold" (list "auto") -}}
{{- $value := toString (get $drain $key) -}}
{{- if and (not (has $value $words)) (lt (int64 (include "lameduck.ms" $value)) 0) -}}
{{- $_ := set $bad $key true }}
drain.{{ $key }}: {{ $value | toJson }} is neither a duration, for example 5s, nor {{ join " or " $words }}
{{- end -}}
{{- end -}}
{{- range $key := list "grace_period" "pre_stop" -}}
{{- if and (not (hasKey $bad $key)) (ne 0 (int (mod (int64 (include "lameduck.ms" (get $drain $key))) 1000))) -}}
{{- $_ := set $bad $key true }}
drain.{{ $key }}: {{ get $drain $key }} is not in whole seconds, as Kubernetes needs it: round it up
{{- end -}}
{{- end -}}
{{- if not $bad -}}
{{- include "lameduck.check.sum" . -}}
{{- include "lameduck.check.ceilings" . -}}
{{- include "lameduck.check.readiness" . -}}
{{- end -}}
{{- end -}}

{{/* The longest wait, by strategy: its name and milliseconds. */}}
{{- define "lameduck.wait" -}}
{{- $drain := .Values.drain -}}
{{- if eq $drain.strategy "immediate" -}}
{{- dict "name" "wait" "ms" 0 | toJson -}}
{{- else -}}
{{- $key := ternary "delay" "delay_max" (eq $drain.strategy "delay") -}}
{{- dict "name" $key "ms" (include "lameduck.ms" (get $drain $key) | int64) | toJson -}}
{{- end -}}
{{- end -}}

{{/* grace_period >= pre_stop + wait + timeout + release + flush + margin */}}
{{- define "lameduck.check.sum" -}}
{{- $drain := .Values.drain -}}
{{- $wait := include "lameduck.wait" . | fromJson -}}
{{- $timeout := get (dict "auto" 1000 "none" 0) (toString $drain.timeout) | default 0 -}}
{{- if not (has (toString $drain.timeout) (list "auto" "none")) -}}
{{- $timeout = include "lameduck.ms" $drain.timeout | int64 -}}
{{- end -}}
{{- $parts := list (list "pre_stop" (include "lameduck.ms" $drain.pre_stop)) (list $wait.name $wait.ms) (list "timeout" $timeout) -}}
{{- range $key := list "release" "flush" "margin" -}}
{{- $parts = append $parts (list $key (include "lameduck.ms" (get $drain $key))) -}}
{{- end -}}
{{- $total := 0 -}}
{{- $sum := list -}}
{{- range $parts -}}
{{- $ms := last . | int64 -}}
{{- $total = add $total $ms -}}
{{- $sum = append $sum (printf "%s %s" (first .) (include "lameduck.duration" $ms)) -}}
{{- end -}}
{{- $grace := include "lameduck.ms" $drain.grace_period | int64 -}}
{{- if gt (int64 $total) $grace }}
drain: the exit does not fit into the grace period: {{ join " + " $sum }} = {{ include "lameduck.duration" $total }} of {{ include "lameduck.duration" $grace }}, {{ include "lameduck.duration" (sub $total $grace) }} too long: raise drain.grace_period, or lower one of them
{{- end -}}
{{- end -}}

{{- define "lameduck.check.ceilings" -}}
{{- $drain := .Values.drain -}}
{{- if gt (include "lameduck.ms" $drain.scrape_wait | int64) (include "lameduck.ms" $drain.flush | int64) }}
drain.scrape_wait ({{ $drain.scrape_wait }}) is longer than drain.flush ({{ $drain.flush }}), whose part it is: raise drain.flush
{{- end -}}
{{- if has $drain.strategy (list "quiet" "observe") -}}
{{- range $key := list "delay" "floor" -}}
{{- if gt (include "lameduck.ms" (get $drain $key) | int64) (include "lameduck.ms" $drain.delay_max | int64) }}
drain.{{ $key }} ({{ get $drain $key }}) is longer than drain.delay_max ({{ $drain.delay_max }}): raise drain.delay_max, or lower drain.{{ $key }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A pod that leaves without being deleted leaves its Services by failing readiness: that must be noticed in time. */}}
{{- define "lameduck.check.readiness" -}}
{{- $drain := .Values.drain -}}
{{- $probe := .Values.probes.readiness -}}
{{- if not (or (eq $drain.strategy "immediate") (eq $drain.readiness "hold")) -}}
{{- $noticed := mul (int64 $probe.periodSeconds) (int64 $probe.failureThreshold) 1000 -}}
{{- $floor := ternary 0 (include "lameduck.ms" $drain.floor | int64) (eq $drain.strategy "delay") -}}
{{- $wait := include "lameduck.wait" . | fromJson -}}
{{- if gt (add $noticed $floor) (int64 $wait.ms) }}
probes.readiness: {{ $probe.periodSeconds }} s x {{ $probe.failureThreshold }} failures{{ if $floor }} + drain.floor {{ $drain.floor }}{{ end }} is more than drain.{{ $wait.name }} ({{ include "lameduck.duration" $wait.ms }}): a pod that gets SIGTERM without being deleted would leave before its Services know; shorten the probe, or raise drain.{{ $wait.name }}
{{- end -}}
{{- end -}}
{{- end -}}
