{{/* Everything that the schema cannot say. All mistakes are told together. */}}
{{- define "lameduck.check" -}}
{{- $found := list -}}
{{- range $name := list "drain" "config" "network" "scale" "access" "routes" -}}
{{- $found = append $found (include (printf "lameduck.check.%s" $name) $ | trim) -}}
{{- end -}}
{{- with compact $found -}}
{{- fail (printf "\n\nthese values cannot work:\n%s\n" (join "\n" .)) -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.config" -}}
{{- $places := dict "drain" "`drain` at the root of the values" "listen" "`ports`" "cluster" "`cluster` at the root of the values" "service" "`fullnameOverride`" -}}
{{- range $key, $place := $places -}}
{{- if hasKey $.Values.config $key }}
config.{{ $key }}: the chart writes this section itself: use {{ $place }} instead
{{- end -}}
{{- end -}}
{{- if and .Values.auth.existingSecret (dig "auth" "keys_file" "" .Values.config) }}
config.auth.keys_file: auth.existingSecret already says where the keys are: remove one of them
{{- end -}}
{{- $stages := dig "stages" "readiness_timeout" "30s" .Values.config -}}
{{- $timeout := include "lameduck.ms" $stages | int64 -}}
{{- $probe := .Values.probes.startup -}}
{{- $patience := mul (int64 $probe.periodSeconds) (int64 $probe.failureThreshold) 1000 -}}
{{- if lt $timeout 0 }}
config.stages.readiness_timeout: {{ $stages | toJson }} is not a duration: write a number and its unit, as 30s
{{- else if le (int64 $patience) $timeout }}
probes.startup: {{ $probe.periodSeconds }} s x {{ $probe.failureThreshold }} failures is not more than stages.readiness_timeout ({{ $stages }}): the kubelet would kill a slow start before it can say which gate is shut; raise probes.startup.failureThreshold
{{- end -}}
{{- end -}}

{{- define "lameduck.check.network" -}}
{{- $ports := .Values.ports -}}
{{- range $pair := list (list "http" "grpc") (list "http" "admin") (list "grpc" "admin") -}}
{{- if eq (int (get $ports (first $pair))) (int (get $ports (last $pair))) }}
ports.{{ first $pair }} and ports.{{ last $pair }} are both {{ get $ports (first $pair) }}: give each its own
{{- end -}}
{{- end -}}
{{- if and .Values.grpc.enabled (eq (int .Values.service.port) (int .Values.service.grpcPort)) }}
service.port and service.grpcPort are both {{ .Values.service.port }}: give each its own
{{- end -}}
{{- if and .Values.service.externalTrafficPolicy (eq .Values.service.type "ClusterIP") }}
service.externalTrafficPolicy: {{ .Values.service.externalTrafficPolicy }} needs service.type NodePort or LoadBalancer: change the type, or leave it empty
{{- end -}}
{{- end -}}

{{- define "lameduck.check.scale" -}}
{{- $rollout := .Values.rollout -}}
{{- if and (has (toString $rollout.maxSurge) (list "0" "0%")) (has (toString $rollout.maxUnavailable) (list "0" "0%")) }}
rollout: maxSurge and maxUnavailable are both 0, so that no rollout could begin: raise maxSurge
{{- end -}}
{{- $scaling := .Values.autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
autoscaling: minReplicas ({{ $scaling.minReplicas }}) is more than maxReplicas ({{ $scaling.maxReplicas }}): swap them
{{- end -}}
{{- if and $scaling.enabled (not (dig "requests" "cpu" "" .Values.resources)) }}
autoscaling: resources.requests.cpu is not set, and the target is a percentage of it: set it
{{- end -}}
{{- $pdb := .Values.pdb -}}
{{- $least := ternary $scaling.minReplicas .Values.replicaCount $scaling.enabled | int -}}
{{- $minAvailable := toString $pdb.minAvailable -}}
{{- $maxUnavailable := toString $pdb.maxUnavailable -}}
{{- if $pdb.enabled -}}
{{- if and (ne $minAvailable "") (ne $maxUnavailable "") }}
pdb: minAvailable and maxUnavailable are both set, and Kubernetes takes one: set the other to ""
{{- else if and (eq $minAvailable "") (eq $maxUnavailable "") }}
pdb: neither minAvailable nor maxUnavailable is set: set one, or pdb.enabled to false
{{- end -}}
{{- if or (has $maxUnavailable (list "0" "0%")) (eq $minAvailable "100%") (and (regexMatch "^[0-9]+$" $minAvailable) (ge (int $minAvailable) $least) (gt $least 1)) }}
pdb: with {{ $least }} pods no pod may ever be evicted, and node drains would wait for ever: set pdb.maxUnavailable to 1 and pdb.minAvailable to ""
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.access" -}}
{{- if and .Values.rbac.create (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
rbac.create: the Role would go to the namespace's default service account, and so to every pod there: set serviceAccount.create, or serviceAccount.name
{{- end -}}
{{- $user := dig "runAsUser" "" .Values.podSecurityContext -}}
{{- if and (ne (toString $user) "") (eq (int $user) 0) }}
podSecurityContext.runAsUser: 0 is root, and the image needs none: use another number, as 65532
{{- end -}}
{{- if and .Values.image.digest (not (regexMatch "^sha256:[0-9a-f]{64}$" .Values.image.digest)) }}
image.digest: {{ .Values.image.digest | toJson }} is no digest: write sha256: and 64 hex digits, or leave it empty
{{- end -}}
{{- if regexMatch "[@:][^/]*$" .Values.image.repository }}
image.repository: {{ .Values.image.repository | toJson }} carries a tag or digest: use image.tag or image.digest
{{- end -}}
{{- end -}}

{{- define "lameduck.check.routes" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
ingress.hosts: is empty: add one, as {host: orders.example.com, paths: [{path: /, pathType: Prefix}]}, or set ingress.enabled to false
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
httpRoute.parentRefs: is empty, so that no gateway would serve it: add one, as {name: public, namespace: gateways}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if has .name (list "POD_NAME" "POD_NAMESPACE" "POD_UID" "CONTAINER_NAME") }}
extraEnv: {{ .name }} is the pod's identity, which the chart sets itself: remove it
{{- else if hasPrefix "LAMEDUCK_DRAIN__" .name }}
extraEnv: {{ .name }} would go round the budget that the chart checks: use drain.{{ trimPrefix "LAMEDUCK_DRAIN__" .name | lower }}
{{- end -}}
{{- end -}}
{{- end -}}
