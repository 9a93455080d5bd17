{{/* A Service in front of the proxies: `context`, `name`, and `of`, its part of the values. */}}
{{- define "weir.service" -}}
{{- $common := .context.Values.controller.service -}}
{{- $of := .of -}}
{{- $balanced := eq $of.type "LoadBalancer" }}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ include "weir.namespace" .context }}
  labels:
    {{- include "weir.labels" .context | nindent 4 }}
    {{- with $of.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $of.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ $of.type }}
  {{- with $of.clusterIP }}
  clusterIP: {{ . | quote }}
  {{- end }}
  {{- with $of.externalIPs }}
  externalIPs:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $balanced }}
  {{- with $of.loadBalancerIP }}
  loadBalancerIP: {{ . | quote }}
  {{- end }}
  {{- with $of.loadBalancerClass }}
  loadBalancerClass: {{ . | quote }}
  {{- end }}
  {{- with $of.loadBalancerSourceRanges }}
  loadBalancerSourceRanges:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if ne (toString $of.allocateLoadBalancerNodePorts) "" }}
  allocateLoadBalancerNodePorts: {{ $of.allocateLoadBalancerNodePorts }}
  {{- end }}
  {{- with $of.healthCheckNodePort }}
  healthCheckNodePort: {{ . }}
  {{- end }}
  {{- end }}
  {{- with $of.externalTrafficPolicy }}
  externalTrafficPolicy: {{ . }}
  {{- end }}
  {{- with $of.sessionAffinity }}
  sessionAffinity: {{ . }}
  {{- end }}
  {{- with $of.trafficDistribution }}
  trafficDistribution: {{ . }}
  {{- end }}
  {{- with $of.ipFamilyPolicy }}
  ipFamilyPolicy: {{ . }}
  {{- end }}
  {{- with $of.ipFamilies }}
  ipFamilies:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    {{- include "weir.selectorLabels" .context | nindent 4 }}
  ports:
    {{- range $name, $enabled := dict "http" $common.enableHttp "https" $common.enableHttps }}
    {{- if $enabled }}
    - name: {{ $name }}
      port: {{ index $of.ports $name }}
      targetPort: {{ index $of.targetPorts $name }}
      protocol: TCP
      {{- if $common.appProtocol }}
      appProtocol: {{ $name }}
      {{- end }}
      {{- if ne $of.type "ClusterIP" }}
      {{- with index $of.nodePorts $name }}
      nodePort: {{ . }}
      {{- end }}
      {{- end }}
    {{- end }}
    {{- end }}
{{- end -}}
