{{- define "tradewind.grafanaSources" -}}
{{- $prometheus := printf "http://%s.%s:9090" (include "tradewind.component" (list . "prometheus")) .Release.Namespace -}}
apiVersion: 1
datasources:
  - name: Prometheus
    uid: prometheus
    type: prometheus
    access: proxy
    isDefault: true
    url: {{ .Values.grafana.prometheusUrl | default $prometheus }}
    {{- if .Values.jaeger.enabled }}
    jsonData: {exemplarTraceIdDestinations: [{name: trace_id, datasourceUid: jaeger}]}
  - name: Jaeger
    uid: jaeger
    type: jaeger
    access: proxy
    url: http://{{ include "tradewind.component" (list . "jaeger") }}.{{ .Release.Namespace }}:16686
    {{- end }}
{{- end -}}

{{- define "tradewind.grafanaDashboards" -}}
apiVersion: 1
providers:
  - name: tradewind
    folder: {{ .Values.dashboards.folder | quote }}
    type: file
    updateIntervalSeconds: 30
    options: {path: /etc/grafana-dashboards}
{{- end -}}
