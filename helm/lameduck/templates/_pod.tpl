{{/* The pod, the same for a Deployment and a StatefulSet. */}}
{{- define "lameduck.pod" -}}
metadata:
  labels:
    {{- include "lameduck.labels" . | nindent 4 }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: {{ .Chart.Name }}
    checksum/config: {{ include "lameduck.bootstrap" . | sha256sum }}
    {{- if eq .Values.metrics.scrape "annotations" }}
    prometheus.io/scrape: "true"
    prometheus.io/port: {{ .Values.ports.admin | quote }}
    prometheus.io/path: /metrics
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "lameduck.serviceAccount" . }}
  automountServiceAccountToken: true
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ include "lameduck.seconds" .Values.drain.grace_period }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext: {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.initContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "lameduck.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "lameduck.fullname" . }}
    {{- if .Values.auth.existingSecret }}
    - name: auth
      secret:
        secretName: {{ .Values.auth.existingSecret }}
        items: [{ key: {{ .Values.auth.key | quote }}, path: keys }]
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- include "lameduck.placement" . }}
{{- end -}}

{{- define "lameduck.container" -}}
name: {{ .Chart.Name }}
image: {{ include "lameduck.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/lameduck/bootstrap.yaml]
env:
  {{- range $name, $field := dict "POD_NAME" "name" "POD_NAMESPACE" "namespace" "POD_UID" "uid" }}
  - name: {{ $name }}
    valueFrom: { fieldRef: { fieldPath: metadata.{{ $field }} } }
  {{- end }}
  - { name: CONTAINER_NAME, value: {{ .Chart.Name }} }
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - { name: http, containerPort: {{ .Values.ports.http }} }
  {{- if .Values.grpc.enabled }}
  - { name: grpc, containerPort: {{ .Values.ports.grpc }} }
  {{- end }}
  - { name: admin, containerPort: {{ .Values.ports.admin }} }
startupProbe:
  httpGet: { path: /startupz, port: admin }
  {{- toYaml .Values.probes.startup | nindent 2 }}
readinessProbe:
  httpGet: { path: /readyz, port: admin }
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet: { path: /livez, port: admin }
  {{- toYaml .Values.probes.liveness | nindent 2 }}
{{- with include "lameduck.seconds" .Values.drain.pre_stop | int }}
lifecycle:
  preStop:
    sleep: { seconds: {{ . }} }
{{- end }}
resources: {{- toYaml .Values.resources | nindent 2 }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: File
volumeMounts:
  - { name: config, mountPath: /etc/lameduck, readOnly: true }
  {{- if .Values.auth.existingSecret }}
  - { name: auth, mountPath: /etc/lameduck/auth, readOnly: true }
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "lameduck.placement" }}
  {{- if .Values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - topologyKey: {{ $key }}
      maxSkew: 1
      whenUnsatisfiable: {{ $.Values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels: {{- include "lameduck.selector" $ | nindent 10 }}
      {{- if eq $.Values.workload "Deployment" }}
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
  {{- end }}
  {{- range $key := list "nodeSelector" "affinity" "tolerations" }}
  {{- with get $.Values $key }}
  {{ $key }}: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}
