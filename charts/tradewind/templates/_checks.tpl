{{/* What the schema cannot say in a sentence: values that exclude each other. */}}
{{- define "tradewind.checks" -}}
{{- if and .Values.redis.enabled .Values.externalRedis.existingSecret -}}
{{- fail (printf "redis.enabled and externalRedis.existingSecret (%s) exclude each other: set redis.enabled=false to use your own Redis, or leave the Secret out to use the one of this chart" .Values.externalRedis.existingSecret) -}}
{{- end -}}
{{- if and .Values.postgresql.enabled .Values.externalPostgresql.existingSecret -}}
{{- fail (printf "postgresql.enabled and externalPostgresql.existingSecret (%s) exclude each other: set postgresql.enabled=false to use your own PostgreSQL, or leave the Secret out to use the one of this chart" .Values.externalPostgresql.existingSecret) -}}
{{- end -}}
{{- $redis := or .Values.redis.enabled .Values.externalRedis.existingSecret -}}
{{- $database := or .Values.postgresql.enabled .Values.externalPostgresql.existingSecret -}}
{{- if ne (not $redis) (not $database) -}}
{{- fail (printf "bots of profile Standard and Full need both a PostgreSQL and a Redis, and there is only %s: name the other one by externalRedis.existingSecret or externalPostgresql.existingSecret, or set it enabled; for Minimal bots alone set both redis.enabled=false and postgresql.enabled=false" (ternary "Redis" "PostgreSQL" (not (not $redis)))) -}}
{{- end -}}
{{- if and .Values.grafana.enabled (not .Values.grafana.prometheusUrl) (not .Values.prometheus.enabled) -}}
{{- fail "grafana.enabled needs a Prometheus to ask: set grafana.prometheusUrl, or prometheus.enabled=true" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.routes) -}}
{{- fail "ingress.enabled opens nothing: name at least one of ingress.routes" -}}
{{- end -}}
{{- end -}}
