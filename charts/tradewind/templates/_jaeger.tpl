{{- define "tradewind.jaegerConfiguration" -}}
service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [jaeger_storage_exporter]}
  telemetry:
    metrics: {level: none}
extensions:
  jaeger_storage:
    backends:
      memory: {memory: {max_traces: {{ .Values.jaeger.maxTraces }}}}
  jaeger_query:
    storage: {traces: memory}
    http: {endpoint: "0.0.0.0:16686"}
    grpc: {endpoint: "127.0.0.1:16685"}
  healthcheckv2:
    use_v2: true
    http: {endpoint: "0.0.0.0:13133"}
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "0.0.0.0:4317"}
      http: {endpoint: "0.0.0.0:4318"}
processors:
  batch:
exporters:
  jaeger_storage_exporter: {trace_storage: memory}
{{- end -}}
