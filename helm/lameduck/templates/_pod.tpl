{{/* The pod, the same for a Deployment and a StatefulSet. */}}
{{- define "lameduck.pod" -}}
{{- $own := dict
    "kubectl.kubernetes.io/default-container" .Chart.Name
    "checksum/config" (include "lameduck.bootstrap" . | sha256sum)
-}}
{{- if eq .Values.metrics.scrape "annotations" -}}
{{- $own = merge $own (dict
    "prometheus.io/scrape" "true"
    "prometheus.io/port" (toString .Values.ports.admin)
    "prometheus.io/path" "/metrics") -}}
{{- end -}}
metadata:
  labels: {{- include "lameduck.labels" (list . .Values.podLabels) | nindent 4 }}
  {{- include "lameduck.annotations" (list . $own .Values.podAnnotations) | nindent 2 }}
spec:
  {{- $spec := include "lameduck.podSpec" . }}
  {{- with .Values.podSpec }}
  {{- $spec = get (include "lameduck.merge" (list (fromYaml $spec) .) | fromJson) "value" | toYaml }}
  {{- end }}
  {{- $spec | nindent 2 }}
{{- end -}}

{{- define "lameduck.podSpec" -}}
serviceAccountName: {{ include "lameduck.serviceAccount" . }}
automountServiceAccountToken: true
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "lameduck.seconds" .Values.drain.grace_period }}
{{- range $key := list "priorityClassName" "runtimeClassName" }}
{{- with get $.Values $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if .Values.hostNetwork }}
hostNetwork: true
{{- end }}
{{- with default (ternary "ClusterFirstWithHostNet" "" (default false .Values.hostNetwork)) .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- if .Values.stopSignal }}
# The API server takes a stop signal only for an operating system that is known.
os: { name: linux }
{{- end }}
{{- range $key, $field := dict "imagePullSecrets" "imagePullSecrets" "podSecurityContext" "securityContext" "dnsConfig" "dnsConfig" "hostAliases" "hostAliases" "initContainers" "initContainers" }}
{{- with get $.Values $key }}
{{ $field }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
containers:
  - {{- include "lameduck.container" . | nindent 4 }}
  {{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "lameduck.fullname" . }}
  {{- if .Values.auth.existingSecret }}
  - name: auth
    secret:
      secretName: {{ .Values.auth.existingSecret | quote }}
      items: [{ key: {{ default "keys" .Values.auth.key | quote }}, path: keys }]
  {{- end }}
  {{- if .Values.tls.enabled }}
  - name: tls
    secret:
      secretName: {{ .Values.tls.secretName | quote }}
      items:
        {{- range $file := ternary (list "tls.crt" "tls.key" "ca.crt") (list "tls.crt" "tls.key") (default false .Values.tls.clientCA) }}
        - { key: {{ $file }}, path: {{ $file }} }
        {{- end }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- include "lameduck.placement" . }}
{{- end -}}

{{- define "lameduck.placement" }}
{{- if .Values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - topologyKey: {{ $key }}
    maxSkew: 1
    whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "lameduck.selector" $ | nindent 8 }}
    {{- if eq $.Values.workload "Deployment" }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "affinity" "tolerations" }}
{{- with get $.Values $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
