{{/* Everything that the schema cannot say. All errors are reported together. */}}
{{- define "lameduck.check" -}}
{{- $found := list -}}
{{- range $name := list "names" "drain" "config" "network" "scale" "resources" "access" "routes" "env" "pod" "maps" -}}
{{- $found = append $found (include (printf "lameduck.check.%s" $name) $ | trim) -}}
{{- end -}}
{{- with compact $found -}}
{{- fail (printf "\n\nthese values cannot work:\n%s\n" (join "\n" .)) -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.names" -}}
{{- $name := include "lameduck.fullname" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name) }}
fullnameOverride: {{ $name | toJson }} would be the name of the Service, which must begin with a letter and have only a-z, 0-9 and -: use another release name, or set fullnameOverride
{{- else if has $name (list "null" "true" "false" "yes" "no" "on" "off" "y" "n") }}
fullnameOverride: {{ $name | toJson }} is not text in YAML: use another release name, or set fullnameOverride
{{- end -}}
{{- if eq (toString .Values.enabled) "false" }}
enabled: false has no effect here: the parent chart must name it, as `condition: {{ .Chart.Name }}.enabled` in its Chart.yaml
{{- end -}}
{{- end -}}

{{- define "lameduck.check.config" -}}
{{- $places := dict "drain" "`drain` at the root of the values" "listen" "`ports`" "cluster" "`cluster` at the root of the values" "service" "`fullnameOverride`" -}}
{{- range $where := list "config" "extraConfig" -}}
{{- range $key, $place := $places -}}
{{- if hasKey (get $.Values $where) $key }}
{{ $where }}.{{ $key }}: the chart writes this section itself: use {{ $place }} instead
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $_ := .Values.extraConfig -}}
{{- if hasKey $.Values.config $key }}
extraConfig.{{ $key }}: this section is also in config: write it in one place
{{- end -}}
{{- end -}}
{{- $dependencies := dig "dependencies" dict .Values.config | default dict -}}
{{- range dig "stages" "dependencies" list .Values.config | default list -}}
{{- if not (hasKey $dependencies .) }}
config.stages.dependencies: {{ . | toJson }} is not declared: add config.dependencies.{{ . }}
{{- end -}}
{{- end -}}
{{- if and .Values.traces.endpoint (dig "traces" dict .Values.config | default dict) }}
config.traces: `traces` at the root of the values already says where spans go: remove one of them
{{- end -}}
{{- if and (default dict .Values.metrics.prometheusRule).enabled (not (has .Values.metrics.scrape (list "podMonitor" "serviceMonitor"))) }}
metrics.prometheusRule: its rules select by the job of a monitor: set metrics.scrape to podMonitor or serviceMonitor, or enabled to false
{{- end -}}
{{- if .Values.tls.enabled -}}
{{- range $key := list "cert_file" "key_file" "client_ca_file" -}}
{{- if dig "tls" $key "" $.Values.config }}
config.tls.{{ $key }}: tls.enabled already says where the files are: remove one of them
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.existingSecret (dig "auth" "keys_file" "" .Values.config) }}
config.auth.keys_file: auth.existingSecret already says where the keys are: remove one of them
{{- end -}}
{{- include "lameduck.check.startup" . -}}
{{- end -}}

{{- define "lameduck.check.startup" -}}
{{- $stages := dig "stages" "readiness_timeout" "30s" .Values.config -}}
{{- $timeout := include "lameduck.ms" $stages | int64 -}}
{{- if lt $timeout 0 }}
config.stages.readiness_timeout: {{ $stages | toJson }} is not a duration: write a number and its unit, for example 30s
{{- else -}}
{{- with .Values.probes.startup -}}
{{- if le (mul (int64 .periodSeconds) (int64 .failureThreshold) 1000) $timeout }}
probes.startup: {{ .periodSeconds }} s x {{ .failureThreshold }} failures is not more than stages.readiness_timeout ({{ $stages }}): the kubelet would kill a slow start before it can report which gate is closed; raise probes.startup.failureThreshold
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.network" -}}
{{- $ports := .Values.ports -}}
{{- if eq (int $ports.http) (int $ports.admin) }}
ports.http and ports.admin are both {{ int $ports.http }}: use different ports
{{- end -}}
{{- $grpc := default dict .Values.grpc -}}
{{- if $grpc.enabled -}}
{{- range $other := list "http" "admin" -}}
{{- if eq (int $ports.grpc) (int (get $ports $other)) }}
ports.{{ $other }} and ports.grpc are both {{ int $ports.grpc }}: use different ports
{{- end -}}
{{- end -}}
{{- if eq (int $grpc.port) (int $.Values.service.port) }}
service.port and grpc.port are both {{ int $grpc.port }}: use different ports
{{- end -}}
{{- end -}}
{{- if and .Values.tls.enabled (not .Values.tls.secretName) }}
tls.secretName: is empty: name the Secret with tls.crt and tls.key, for example orders-tls
{{- end -}}
{{- if and .Values.tls.enabled $grpc.enabled $grpc.probe }}
grpc.probe: the kubelet calls gRPC without TLS, so that the pod would never be ready with tls.enabled: set grpc.probe to false, and /readyz on the admin port is asked
{{- end -}}
{{- $service := .Values.service -}}
{{- if and $service.externalTrafficPolicy (eq $service.type "ClusterIP") }}
service.externalTrafficPolicy: {{ $service.externalTrafficPolicy }} needs service.type NodePort or LoadBalancer: change the type, or leave it empty
{{- end -}}
{{- if and $service.nodePort (eq $service.type "ClusterIP") }}
service.nodePort: {{ int $service.nodePort }} needs service.type NodePort or LoadBalancer: change the type, or leave it empty
{{- end -}}
{{- if and $service.loadBalancerClass (ne $service.type "LoadBalancer") }}
service.loadBalancerClass: {{ $service.loadBalancerClass }} needs service.type LoadBalancer: change the type, or leave it empty
{{- end -}}
{{- if and (eq (toString $service.clusterIP) "None") (ne $service.type "ClusterIP") }}
service.clusterIP: None (headless) needs service.type ClusterIP: change the type, or leave it empty
{{- end -}}
{{- if and (gt (len (default list $service.ipFamilies)) 1) (not (has $service.ipFamilyPolicy (list "PreferDualStack" "RequireDualStack"))) }}
service.ipFamilies: two families need service.ipFamilyPolicy PreferDualStack or RequireDualStack: set it, or name one family
{{- end -}}
{{- range $value := list "from" "adminFrom" -}}
{{- range get $.Values.networkPolicy $value | default list -}}
{{- if and (hasKey . "ipBlock") (or (hasKey . "namespaceSelector") (hasKey . "podSelector")) }}
networkPolicy.{{ $value }}: an entry has ipBlock and a selector, and Kubernetes takes one of them: make two entries
{{- else if not (or (hasKey . "ipBlock") (hasKey . "namespaceSelector") (hasKey . "podSelector")) }}
networkPolicy.{{ $value }}: an entry has none of ipBlock, namespaceSelector, podSelector: add one, for example {ipBlock: {cidr: 10.0.0.0/8}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.check.access" -}}
{{- if and .Values.rbac.create (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) }}
rbac.create: the Role would go to the namespace's default service account, and so to every pod there: set serviceAccount.create, or serviceAccount.name
{{- end -}}
{{- $user := dig "runAsUser" "" (default dict .Values.podSecurityContext) -}}
{{- if and (ne (toString $user) "") (eq (int $user) 0) }}
podSecurityContext.runAsUser: 0 is root, and the image does not need root: use another number, for example 65532
{{- end -}}
{{- if regexMatch "[@:][^/]*$" .Values.image.repository }}
image.repository: {{ .Values.image.repository | toJson }} carries a tag or digest: use image.tag or image.digest
{{- end -}}
{{- end -}}

{{- define "lameduck.check.routes" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
ingress.hosts: is empty: add one, for example orders.example.com, or set ingress.enabled to false
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
httpRoute.parentRefs: is empty, so that no gateway would serve it: add one, for example {name: public, namespace: gateways}
{{- end -}}
{{- if and (or .Values.ingress.enabled .Values.httpRoute.enabled) (eq (toString .Values.service.clusterIP) "None") }}
service.clusterIP: None (headless) cannot be behind an Ingress or HTTPRoute everywhere: leave it empty
{{- end -}}
{{- end -}}
