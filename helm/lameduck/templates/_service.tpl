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
  - name: http
    port: {{ int $service.port }}
    targetPort: http
    {{- with $service.nodePort }}
    nodePort: {{ int . }}
    {{- end }}
    {{- with $service.appProtocol }}
    appProtocol: {{ . | quote }}
    {{- end }}
{{- with .Values.grpc }}
{{- if .enabled }}
  - name: grpc
    port: {{ int .port }}
    targetPort: grpc
    {{- with .appProtocol }}
    appProtocol: {{ . | quote }}
    {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "lameduck.families" -}}
{{- $families := dict -}}
{{- range $key := list "ipFamilyPolicy" "ipFamilies" -}}
{{- with get $.Values.service $key -}}{{- $_ := set $families $key . -}}{{- end -}}
{{- end -}}
{{- with $families -}}{{- toYaml . -}}{{- end -}}
{{- end -}}
