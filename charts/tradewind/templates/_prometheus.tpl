{{/* The text of a file of rules, given (list . PATH): alerts link to where their runbooks can be read. */}}
{{- define "tradewind.rules" -}}
{{- $root := first . -}}
{{- $root.Files.Get (last .) | replace "runbook_url: docs/runbooks/" (printf "runbook_url: %s/" $root.Values.alerts.runbooks) -}}
{{- end -}}

{{/* Every port of a pod answers with the metrics of the whole process, so one port of each is read: that of the first
service in it (files/services.yaml, made from the plan of each profile). The labels of targets are those that the
Prometheus operator's monitors give, so that rules and dashboards hold for both. */}}
{{- define "tradewind.prometheusConfiguration" -}}
{{- $namespaces := include "tradewind.namespaces" . | fromJsonArray -}}
global:
  scrape_interval: {{ .Values.prometheus.scrapeInterval }}
  evaluation_interval: {{ .Values.prometheus.scrapeInterval }}
rule_files:
  {{- range $path, $_ := .Files.Glob "rules/*.yaml" }}
  - /etc/prometheus/{{ base $path }}
  {{- end }}
{{- with .Values.prometheus.alertmanagers }}
alerting:
  alertmanagers:
    - static_configs:
        - targets: {{ toJson . }}
{{- end }}
scrape_configs:
  - job_name: tradewind-bots
    honor_labels: true
    kubernetes_sd_configs:
      - role: pod
        {{- if $namespaces }}
        namespaces: {names: {{ toJson $namespaces }}}
        {{- end }}
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_label_app_kubernetes_io_managed_by]
        regex: tradewind;tradewind-operator
        action: keep
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_component, __meta_kubernetes_pod_container_port_name]
        regex: {{ (.Files.Get "files/services.yaml" | fromYaml).processes | join "|" }}
        action: keep
      # The pod of a Job, or one that has been evicted, answers no more.
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
  - job_name: tradewind-operator
    honor_labels: true
    kubernetes_sd_configs:
      - role: pod
        namespaces: {names: [{{ .Release.Namespace }}]}
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_label_app_kubernetes_io_name, __meta_kubernetes_pod_label_app_kubernetes_io_instance, __meta_kubernetes_pod_container_port_name]
        regex: tradewind-operator;{{ .Release.Name }};http
        action: keep
      - {source_labels: [__meta_kubernetes_pod_phase], regex: Succeeded|Failed, action: drop}
      - {source_labels: [__meta_kubernetes_namespace], target_label: namespace}
      - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}
      - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}
{{- end -}}
