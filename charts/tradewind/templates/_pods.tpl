{{/* What all pods of this chart have in common: they pass PodSecurity `restricted`, and write nowhere but to volumes. */}}

{{/* Takes (list ROOT USER). */}}
{{- define "tradewind.podSecurity" -}}
{{- $user := index . 1 -}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $user }}
  runAsGroup: {{ $user }}
  fsGroup: {{ $user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with (index . 0).Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "tradewind.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Takes the values of a component. */}}
{{- define "tradewind.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A StatefulSet's claim of `data`. Takes `persistence`. */}}
{{- define "tradewind.claim" -}}
volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClass }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: {storage: {{ .size }}}
{{- end -}}

{{/* Keeps a store closed to all but bots; PostgreSQL is open to Backtests too. Takes (list ROOT COMPONENT PORT). */}}
{{- define "tradewind.storePolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tradewind.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tradewind.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {}
          podSelector:
            matchLabels: {app.kubernetes.io/name: tradewind, app.kubernetes.io/part-of: tradewind}
        {{- if eq (index . 1) "postgresql" }}
        - namespaceSelector: {}
          podSelector:
            matchLabels: {app.kubernetes.io/name: backtest, app.kubernetes.io/part-of: tradewind}
        {{- end }}
      ports:
        - {protocol: TCP, port: {{ index . 2 }}}
{{- end -}}
