{{/* What `helm install` prints. A chart that has this one as a dependency includes it in its own notes. */}}
{{- define "lameduck.notes" -}}
{{- include "lameduck.values" . -}}
{{- $name := include "lameduck.fullname" . -}}
{{- $path := dig "path" "/" (default dict .Values.test) -}}
{{ $name }} runs in namespace {{ .Release.Namespace }}. From inside the cluster:

    {{ include "lameduck.scheme" . }}://{{ $name }}.{{ .Release.Namespace }}:{{ int .Values.service.port }}{{ $path }}

From here:

    kubectl -n {{ .Release.Namespace }} port-forward service/{{ $name }} 8080:{{ int .Values.service.port }}

After SIGTERM a pod has {{ .Values.drain.grace_period }} and leaves by `{{ .Values.drain.strategy }}`
{{- if not .Values.rbac.create }}. Without a Role it waits {{ .Values.drain.delay }} instead of watching its endpoints{{ end }}. Try it:

    {{- if and .Values.test (not (and .Values.tls.enabled .Values.tls.clientCA)) }}
    helm -n {{ .Release.Namespace }} test {{ .Release.Name }}        # deletes a pod and checks what clients notice
    {{- end }}
    kubectl -n {{ .Release.Namespace }} rollout restart {{ lower .Values.workload }}/{{ $name }}
    kubectl -n {{ .Release.Namespace }} get events --field-selector reason=DrainFinished
{{- if .Values.tls.enabled }}

TLS: the Secret {{ .Values.tls.secretName }} must be in this namespace before the pods start. Pods take a renewed certificate without a
restart.
{{- if .Values.httpRoute.enabled }} A gateway speaks TLS to the pods only with a BackendTLSPolicy for this Service.{{ end }}
{{- if and .Values.tls.clientCA .Values.test }} `helm test` is left out: it has no certificate of a client.{{ end }}
{{- end }}
{{- if dig "bench" "enabled" false .Values.config }}

WARNING: config.bench.enabled is on: every client of the service can make it slow. Not for production.
{{- end }}
{{- if eq (toString .Values.drain.timeout) "none" }}

WARNING: drain.timeout is none: a request that never finishes is only ended by SIGKILL, and is not reported.
{{- end }}
{{- if and (eq (toString .Values.service.externalTrafficPolicy) "Local") (eq .Values.drain.readiness "fail") }}

NOTE: with externalTrafficPolicy Local and drain.readiness fail, a node loses its traffic as soon as its last pod leaves.
With drain.readiness auto that pod serves until the load balancer has noticed.
{{- end }}
{{- if and (not .Values.autoscaling.enabled) (lt (int .Values.replicaCount) 2) }}

NOTE: there is one replica. Rollouts lose nothing, because the new pod starts first, but the loss of its node does. There is
no disruption budget.
{{- end }}
{{- if and .Values.hostNetwork (not (has (toString .Values.rollout.maxSurge) (list "0" "0%"))) }}

NOTE: with hostNetwork a new pod cannot start on a node where an old one still runs. If no node is free, a rollout waits
forever: set rollout.maxSurge to 0 and rollout.maxUnavailable to 1. NetworkPolicies do not apply.
{{- end }}
{{- end -}}
