{{/* Names, labels and images. No label of a pod has a version in it: an upgrade of the chart replaces no pod by that. */}}

{{- define "tradewind.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains "tradewind" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-tradewind" (.Release.Name | trunc 30 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Takes (list ROOT COMPONENT). */}}
{{- define "tradewind.component" -}}
{{- printf "%s-%s" (include "tradewind.name" (index . 0)) (index . 1) -}}
{{- end -}}

{{/* The labels by which the pods of a component are selected; they never change. Takes (list ROOT COMPONENT). */}}
{{- define "tradewind.selector" -}}
app.kubernetes.io/name: tradewind-{{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end -}}

{{/* Takes (list ROOT COMPONENT). */}}
{{- define "tradewind.labels" -}}
{{ include "tradewind.selector" . }}
app.kubernetes.io/part-of: tradewind
{{- end -}}

{{/* The beginning of an object's metadata. Takes (list ROOT COMPONENT). */}}
{{- define "tradewind.metadata" -}}
name: {{ include "tradewind.component" . }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "tradewind.labels" . | nindent 2 }}
{{- end -}}

{{/* Takes (list ROOT IMAGE TAG): the name of an image, with the registry of the whole installation before its own. */}}
{{- define "tradewind.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $root.Values.global.imageRegistry | default $image.registry -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default (index . 2) }}{{ end -}}
{{- end -}}

{{- define "tradewind.ownImage" -}}
{{- include "tradewind.image" (list . .Values.image .Chart.AppVersion) -}}
{{- end -}}

{{/* Where bots and operator send traces, or nothing. */}}
{{- define "tradewind.otlpEndpoint" -}}
{{- if .Values.telemetry.otlpEndpoint -}}
{{- .Values.telemetry.otlpEndpoint -}}
{{- else if .Values.jaeger.enabled -}}
http://{{ include "tradewind.component" (list . "jaeger") }}.{{ .Release.Namespace }}:4318
{{- end -}}
{{- end -}}

{{/* The port in an address. */}}
{{- define "tradewind.portOf" -}}
{{- $address := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $address.host | trimPrefix ":" -}}
{{- $port | default (ternary "443" "80" (eq $address.scheme "https")) -}}
{{- end -}}

{{/* The namespaces in which there may be bots, as a list in JSON; of all, an empty one. */}}
{{- define "tradewind.namespaces" -}}
{{- if .Values.operator.watchAllNamespaces -}}[]{{- else -}}{{ toJson (uniq .Values.operator.namespaces) }}{{- end -}}
{{- end -}}
