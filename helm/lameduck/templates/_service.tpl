{{- define "lameduck.serviceSpec" -}}
{{- $service := .Values.service -}}
type: {{ $service.type }}
{{- range $key := list "clusterIP" "externalTrafficPolicy" "internalTrafficPolicy" "loadBalancerClass" }}
{{- with get $service $key }}
{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- with include "lameduck.families" . }}
{{ . }}
{{- end }}
selector: {{- include "lameduck.selector" . | nindent 2 }}
ports:
  - name: {{ include "lameduck.scheme" . }}
    port: {{ int $service.port }}
    targetPort: http
    {{- with $service.nodePort }}
    nodePort: {{ int . }}
    {{- end }}
    {{- with $service.appProtocol }}
    appProtocol: {{ include "lameduck.appProtocol" (list $ .) | quote }}
    {{- end }}
{{- with .Values.grpc }}
{{- if .enabled }}
  - name: grpc
    port: {{ int .port }}
    targetPort: grpc
    {{- with .appProtocol }}
    appProtocol: {{ include "lameduck.appProtocol" (list $ .) | quote }}
    {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What the service speaks, and the name of its port. */}}
{{- define "lameduck.scheme" -}}
{{- ternary "https" "http" (default false .Values.tls.enabled) -}}
{{- end -}}

{{/* (list ROOT PROTOCOL): a protocol without TLS is the one with it where TLS is on. */}}
{{- define "lameduck.appProtocol" -}}
{{- $plain := has (index . 1) (list "http" "kubernetes.io/h2c") -}}
{{- ternary "https" (index . 1) (and $plain (default false (index . 0).Values.tls.enabled)) -}}
{{- end -}}

{{- define "lameduck.families" -}}
{{- $families := dict -}}
{{- range $key := list "ipFamilyPolicy" "ipFamilies" -}}
{{- with get $.Values.service $key -}}{{- $_ := set $families $key . -}}{{- end -}}
{{- end -}}
{{- with $families -}}{{- toYaml . -}}{{- end -}}
{{- end -}}
