{{/* The service's own container. */}}
{{- define "lameduck.container" -}}
name: {{ .Chart.Name }}
image: {{ include "lameduck.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/lameduck/bootstrap.yaml]
env: {{- include "lameduck.env" . | trim | nindent 2 }}
{{- with .Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - { name: http, containerPort: {{ int .Values.ports.http }} }
  - { name: admin, containerPort: {{ int .Values.ports.admin }} }
{{- $grpc := default dict .Values.grpc }}
{{- if $grpc.enabled }}
  - { name: grpc, containerPort: {{ int .Values.ports.grpc }} }
{{- end }}
{{- range $name, $path := dict "startup" "/startupz" "readiness" "/readyz" "liveness" "/livez" }}
{{- with get $.Values.probes $name }}
{{ $name }}Probe:
  {{- if and $grpc.enabled $grpc.probe (eq $name "readiness") }}
  grpc: { port: {{ int $.Values.ports.grpc }} }
  {{- else }}
  httpGet: { path: {{ $path }}, port: admin }
  {{- end }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- $sleep := include "lameduck.seconds" .Values.drain.pre_stop | int }}
{{- if or $sleep .Values.stopSignal }}
lifecycle:
  {{- if $sleep }}
  preStop:
    sleep: { seconds: {{ $sleep }} }
  {{- end }}
  {{- with .Values.stopSignal }}
  stopSignal: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "resources" "securityContext" }}
{{- with get $.Values $key }}
{{ $key }}: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: File
volumeMounts:
  - { name: config, mountPath: /etc/lameduck, readOnly: true }
  {{- if .Values.auth.existingSecret }}
  - { name: auth, mountPath: /etc/lameduck/auth, readOnly: true }
  {{- end }}
  {{- if .Values.tls.enabled }}
  # The whole folder: a file of it alone (subPath) would never change.
  - { name: tls, mountPath: /etc/lameduck/tls, readOnly: true }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The pod's identity, then `env`, then `extraEnv`. */}}
{{- define "lameduck.env" -}}
{{- range $name, $field := dict "POD_NAME" "name" "POD_NAMESPACE" "namespace" "POD_UID" "uid" }}
- name: {{ $name }}
  valueFrom: { fieldRef: { fieldPath: metadata.{{ $field }} } }
{{- end }}
- { name: CONTAINER_NAME, value: {{ .Chart.Name }} }
{{- if eq .Values.workload "StatefulSet" }}
- { name: WORKLOAD_KIND, value: StatefulSet }
{{- end }}
{{- if .Values.traces.endpoint }}
- name: NODE_NAME
  valueFrom: { fieldRef: { fieldPath: spec.nodeName } }
{{- if not (hasKey .Values.env "OTEL_RESOURCE_ATTRIBUTES") }}
- { name: OTEL_RESOURCE_ATTRIBUTES, value: k8s.{{ lower .Values.workload }}.name={{ include "lameduck.fullname" . }} }
{{- end }}
{{- end }}
{{- range $name, $value := .Values.env }}
{{- if kindIs "map" $value }}
- {{- merge (dict "name" $name) $value | toYaml | nindent 2 }}
{{- else if not (kindIs "invalid" $value) }}
- { name: {{ $name }}, value: {{ include "lameduck.text" $value | quote }} }
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
