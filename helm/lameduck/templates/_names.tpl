{{- define "lameduck.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
The release's name. With nameOverride, and below a parent chart, which may use this chart more than once, `RELEASE-NAME`
unless the release says it already. Short enough for a suffix.
*/}}
{{- define "lameduck.fullname" -}}
{{- $name := include "lameduck.name" . -}}
{{- $full := .Release.Name -}}
{{- if and (or .Values.nameOverride (not .Chart.IsRoot)) (not (contains $name .Release.Name)) -}}
{{- $full = printf "%s-%s" .Release.Name $name -}}
{{- end -}}
{{- default $full .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "lameduck.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lameduck.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "lameduck.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{- end -}}
{{- end -}}
{{- end -}}
