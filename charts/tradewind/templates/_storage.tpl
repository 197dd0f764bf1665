{{/* Passwords and addresses. A password is made once: whatever the Secret of the release has is taken again, also after
an uninstall, which keeps that Secret because the volumes are kept and can be opened by nothing else. */}}

{{/* Takes (list ROOT SECRET KEY GIVEN). */}}
{{- define "tradewind.password" -}}
{{- $found := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) -}}
{{- $data := dict -}}
{{- if $found }}{{ $data = $found.data | default dict }}{{ end -}}
{{- if index . 3 -}}
{{- index . 3 -}}
{{- else if hasKey $data (index . 2) -}}
{{- index $data (index . 2) | b64dec -}}
{{- else -}}
{{- randAlphaNum 32 -}}
{{- end -}}
{{- end -}}

{{/* PostgreSQL keeps the password that its volume was made with: bots that are given another one are shut out.
Takes (list ROOT SECRET KEY GIVEN). */}}
{{- define "tradewind.unchanged" -}}
{{- $found := lookup "v1" "Secret" (index . 0).Release.Namespace (index . 1) -}}
{{- $data := dict -}}
{{- if $found }}{{ $data = $found.data | default dict }}{{ end -}}
{{- if and (index . 3) (hasKey $data (index . 2)) -}}
{{- if ne (index . 3) (index $data (index . 2) | b64dec) -}}
{{- fail (printf "postgresql.password is another one than that of Secret %s, which the database was made with, and would shut all bots out: leave it out, or change it in the database (ALTER ROLE) and in the Secret first" (index . 1)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The Secret with the address of the database, and the key in it, as JSON. */}}
{{- define "tradewind.databaseSource" -}}
{{- $own := include "tradewind.component" (list . "storage") -}}
{{- $name := .Values.externalPostgresql.existingSecret | default $own -}}
{{- toJson (dict "name" $name "key" (ternary "database-url" .Values.externalPostgresql.secretKey (eq $name $own))) -}}
{{- end -}}

{{- define "tradewind.busSource" -}}
{{- $own := include "tradewind.component" (list . "storage") -}}
{{- $name := .Values.externalRedis.existingSecret | default $own -}}
{{- toJson (dict "name" $name "key" (ternary "bus-url" .Values.externalRedis.secretKey (eq $name $own))) -}}
{{- end -}}
