{{- define "lameduck.check.scale" -}}
{{- $rollout := .Values.rollout -}}
{{- $zero := list "0" "0%" -}}
{{- if and (has (toString $rollout.maxSurge) $zero) (has (toString $rollout.maxUnavailable) $zero) }}
rollout: maxSurge and maxUnavailable are both 0, so that no rollout could begin: raise maxSurge
{{- end -}}
{{- if and .Values.volumeClaimTemplates (ne .Values.workload "StatefulSet") }}
volumeClaimTemplates: only a StatefulSet has them: set workload to StatefulSet, or use extraVolumes
{{- end -}}
{{- include "lameduck.check.autoscaling" . -}}
{{- include "lameduck.check.pdb" . -}}
{{- end -}}

{{- define "lameduck.check.autoscaling" -}}
{{- $scaling := .Values.autoscaling -}}
{{- if $scaling.enabled -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
autoscaling: minReplicas ({{ int $scaling.minReplicas }}) is more than maxReplicas ({{ int $scaling.maxReplicas }}): swap them
{{- end -}}
{{- range $resource, $percent := dict "cpu" $scaling.targetCPUUtilizationPercentage "memory" $scaling.targetMemoryUtilizationPercentage -}}
{{- if and $percent (not (dig "requests" $resource "" (default dict $.Values.resources))) }}
autoscaling: resources.requests.{{ $resource }} is not set, and the target is a percentage of it: set it
{{- end -}}
{{- end -}}
{{- if not (or $scaling.targetCPUUtilizationPercentage $scaling.targetMemoryUtilizationPercentage $scaling.metrics) }}
autoscaling: there is nothing to scale by: set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or metrics
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.pdb" -}}
{{- $pdb := .Values.pdb -}}
{{- if $pdb.enabled -}}
{{- $least := include "lameduck.leastPods" . | int -}}
{{- $minAvailable := toString (default "" $pdb.minAvailable) -}}
{{- $maxUnavailable := ternary "" (toString $pdb.maxUnavailable) (kindIs "invalid" $pdb.maxUnavailable) -}}
{{- if and (ne $minAvailable "") (ne $maxUnavailable "") }}
pdb: minAvailable and maxUnavailable are both set, and Kubernetes takes one: set the other to ""
{{- else if and (eq $minAvailable "") (eq $maxUnavailable "") }}
pdb: neither minAvailable nor maxUnavailable is set: set one, or pdb.enabled to false
{{- end -}}
{{- $blocked := has $maxUnavailable (list "0" "0%") -}}
{{- if and (ne $minAvailable "") (gt $least 1) (ge (include "lameduck.pods" (list $minAvailable $least) | int) $least) -}}
{{- $blocked = true -}}
{{- end -}}
{{- if $blocked }}
pdb: with {{ $least }} pods no pod may ever be evicted, and node drains would wait forever: set pdb.maxUnavailable to 1 and pdb.minAvailable to ""
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.resources" -}}
{{- $resources := default dict .Values.resources -}}
{{- range $kind := list "requests" "limits" -}}
{{- range $name, $value := get $resources $kind | default dict -}}
{{- if and $value (eq (include "lameduck.quantity" $value) "-1") }}
resources.{{ $kind }}.{{ $name }}: {{ $value | toJson }} is not a quantity: write a number and a unit, for example 250m of CPU or 128Mi of memory
{{- else if and $value (eq $name "memory") (regexMatch "[num]$" (toString $value)) }}
resources.{{ $kind }}.memory: {{ $value }} is a fraction of a byte: {{ trimSuffix "m" (toString $value) }}Mi is probably meant
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $limit := $resources.limits | default dict -}}
{{- $request := dig "requests" $name "" $resources -}}
{{- if and $limit $request (gt (include "lameduck.quantity" $request | float64) (include "lameduck.quantity" $limit | float64)) }}
resources: the request of {{ $name }} ({{ $request }}) is more than its limit ({{ $limit }}): raise the limit
{{- end -}}
{{- end -}}
{{- end -}}
