{{/* The Pod of the Deployment or the DaemonSet. */}}
{{- define "weir.pod" -}}
{{- $controller := .Values.controller -}}
metadata:
  {{- /* No versions: those of the chart would replace Pods that need no change. */}}
  labels:
    {{- include "weir.selectorLabels" . | nindent 4 }}
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $controller.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    kubectl.kubernetes.io/default-container: proxy
    {{- with $controller.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "weir.serviceAccountName" . }}
  automountServiceAccountToken: false # the controller's container mounts its own
  enableServiceLinks: false # or variables named for a Service WEIR_… would be read as flags
  terminationGracePeriodSeconds: {{ $controller.terminationGracePeriodSeconds }}
  securityContext:
    {{- include "weir.podSecurityContext" . | nindent 4 }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $controller.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $controller.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- if $controller.hostNetwork }}
  hostNetwork: true
  {{- end }}
  dnsPolicy: {{ $controller.dnsPolicy | default ($controller.hostNetwork | ternary "ClusterFirstWithHostNet" "ClusterFirst") }}
  {{- with $controller.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $controller.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $controller.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $controller.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $controller.affinity }}
  affinity:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- with include "weir.topologySpread" . }}
  topologySpreadConstraints:
    {{- . | trim | nindent 4 }}
  {{- end }}
  {{- $native := include "weir.nativeSidecar" . }}
  {{- if or $native $controller.extraInitContainers }}
  initContainers:
    {{- with $controller.extraInitContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- if $native }}
    {{- include "weir.controllerContainer" . | nindent 4 }}
    {{- end }}
  {{- end }}
  containers:
    {{- include "weir.proxyContainer" . | nindent 4 }}
    {{- if not $native }}
    {{- include "weir.controllerContainer" . | nindent 4 }}
    {{- end }}
    {{- with $controller.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: run # the socket, and the proxy's copy of the last table
      emptyDir:
        medium: Memory
        sizeLimit: {{ .Values.proxy.runSizeLimit }}
    - name: kube-api-access
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken:
              path: token
              expirationSeconds: 3607
          - configMap:
              name: kube-root-ca.crt
              items:
                - key: ca.crt
                  path: ca.crt
          - downwardAPI:
              items:
                - path: namespace
                  fieldRef:
                    apiVersion: v1
                    fieldPath: metadata.namespace
    {{- with $controller.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* With the sysctl that lets anybody bind to the proxy's ports, if they are low. In the node's network there is none. */}}
{{- define "weir.podSecurityContext" -}}
{{- $controller := .Values.controller -}}
{{- $context := deepCopy $controller.podSecurityContext -}}
{{- $sysctls := $context.sysctls | default list -}}
{{- range $name, $value := $controller.sysctls -}}
{{- $sysctls = append $sysctls (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- $unprivileged := "net.ipv4.ip_unprivileged_port_start" -}}
{{- $lowest := min ($controller.containerPort.http | int) ($controller.containerPort.https | int) -}}
{{- if and (lt $lowest 1024) (not $controller.hostNetwork) (not (hasKey $controller.sysctls $unprivileged)) -}}
{{- $sysctls = append $sysctls (dict "name" $unprivileged "value" (toString $lowest)) -}}
{{- end -}}
{{- if $sysctls -}}
{{- $_ := set $context "sysctls" $sysctls -}}
{{- end -}}
{{- toYaml $context -}}
{{- end -}}

{{- define "weir.topologySpread" -}}
{{- if .Values.controller.topologySpreadConstraints -}}
{{- tpl (toYaml .Values.controller.topologySpreadConstraints) . -}}
{{- else if eq .Values.controller.kind "Deployment" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "weir.selectorLabels" $ | nindent 6 }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "weir.podIdentity" -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.namespace
{{- end -}}

{{/* A probe: its times from values, its path and port from here. */}}
{{- define "weir.probe" -}}
{{- $probe := omit .times "httpGet" "tcpSocket" "exec" "grpc" -}}
{{- toYaml (set $probe "httpGet" (dict "path" .path "port" .port)) -}}
{{- end -}}

{{- define "weir.controllerContainer" -}}
{{- $controller := .Values.controller -}}
- name: controller
  image: {{ include "weir.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  {{- if include "weir.nativeSidecar" . }}
  restartPolicy: Always # a native sidecar: there before the proxy, and until it has ended
  {{- else }}
  lifecycle:
    preStop: # without native sidecars it stays until the proxy, which answers on this port, has ended
      exec:
        command:
          - weirctl
          - wait
          - http://127.0.0.1:{{ $controller.metrics.port }}/
          - --gone
          - --timeout={{ $controller.terminationGracePeriodSeconds }}s
  {{- end }}
  command: [weir-controller]
  args:
    {{- include "weir.controllerArgs" . | trim | nindent 4 }}
  env:
    {{- include "weir.podIdentity" . | nindent 4 }}
    {{- with $controller.extraEnvs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - name: metrics-control
      containerPort: {{ $controller.metrics.controllerPort }}
      protocol: TCP
  {{- /* None for readiness: a controller that cannot reach the API server takes no proxy out of service. */}}
  startupProbe:
    {{- include "weir.probe" (dict "times" $controller.startupProbe "path" "/healthz" "port" "metrics-control") | nindent 4 }}
  livenessProbe:
    {{- include "weir.probe" (dict "times" $controller.livenessProbe "path" "/healthz" "port" "metrics-control") | nindent 4 }}
  securityContext:
    {{- toYaml $controller.containerSecurityContext | nindent 4 }}
  resources:
    {{- toYaml $controller.resources | nindent 4 }}
  volumeMounts:
    - name: run
      mountPath: /run/weir
    - name: kube-api-access
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
    {{- with $controller.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "weir.metricsCompat" -}}
{{- if .Values.controller.metrics.compat.ingressNginx }}
- --metrics-compat=ingress-nginx
{{- $class := .Values.controller.ingressClassResource.controllerValue }}
{{- if not (has $class (list "weir.dev/ingress" "k8s.io/ingress-nginx")) }}
- --metrics-compat-class={{ $class }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "weir.controllerArgs" -}}
{{- $controller := .Values.controller -}}
{{- $class := $controller.ingressClassResource -}}
- --source=kube
- --socket=/run/weir/weir.sock
- --metrics-listen=:{{ $controller.metrics.controllerPort }}
{{- include "weir.metricsCompat" . }}
- --configmap={{ include "weir.configMapNamespace" . }}/{{ include "weir.fullname" . }}
- --controller-class={{ $class.controllerValue }}
{{- if eq $class.controllerValue "weir.dev/ingress" }}
- --controller-class=k8s.io/ingress-nginx
{{- end }}
{{- $usual := has $class.controllerValue (list "weir.dev/ingress" "k8s.io/ingress-nginx") }}
{{- /* No Role can allow to read classes: without a ClusterRole names are all there is. */}}
{{- $byName := or $controller.ingressClassByName .Values.rbac.scope }}
- --ingress-class={{ $controller.ingressClass | default (and $usual (not $byName) | ternary "nginx" $class.name) }}
{{- if $byName }}
- --ingress-class-by-name
{{- end }}
{{- if $controller.watchIngressWithoutClass }}
- --watch-ingress-without-class
{{- end }}
{{- with include "weir.watchNamespace" . }}
- --watch-namespace={{ . }}
{{- end }}
{{- range .Values.rbac.secrets }}
- --secrets={{ . }}
{{- end }}
{{- with include "weir.publishService" . }}
- --publish-service={{ . }}
{{- end }}
{{- if not $controller.updateStatus }}
- --update-status=false
{{- end }}
- --election-id={{ include "weir.electionID" . }}
{{- if $controller.disableLeaderElection }}
- --disable-leader-election
{{- end }}
{{- with $controller.electionTTL }}
- --election-ttl={{ . }}
{{- end }}
{{- if $controller.reportNodeInternalIp }}
- --report-node-internal-ip-address
{{- end }}
{{- $http := include "weir.publicPort" (dict "context" . "name" "http") }}
{{- if ne $http "80" }}
- --public-http-port={{ $http }}
{{- end }}
{{- $https := include "weir.publicPort" (dict "context" . "name" "https") }}
{{- if ne $https "443" }}
- --public-https-port={{ $https }}
{{- end }}
{{- $known := .Files.Get "files/ingress-nginx.yaml" | fromYaml }}
{{- $flags := dict }}
{{- range $name, $value := $controller.extraArgs }}
{{- if not (hasKey $known.flags $name) }}
{{- $_ := set $flags $name $value }}
{{- end }}
{{- end }}
{{- include "weir.flags" $flags }}
{{- end -}}

{{- define "weir.proxyContainer" -}}
{{- $controller := .Values.controller -}}
{{- $delay := .Values.proxy.drain.delaySeconds | int -}}
- name: proxy
  image: {{ include "weir.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [weir-proxy]
  args:
    {{- include "weir.proxyArgs" . | trim | nindent 4 }}
  {{- if $delay }}
  lifecycle:
    preStop: # it serves on, and is ready, while load balancers learn that the Pod goes
      {{- if semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}
      sleep:
        seconds: {{ $delay }}
      {{- else }}
      exec:
        command: [weirctl, wait, --timeout={{ $delay }}s]
      {{- end }}
  {{- end }}
  {{- if or $controller.metrics.compat.ingressNginx .Values.proxy.extraEnvs }}
  env:
    {{- if $controller.metrics.compat.ingressNginx }}
    {{- include "weir.podIdentity" . | nindent 4 }}
    {{- end }}
    {{- with .Values.proxy.extraEnvs }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- end }}
  ports:
    {{- range $name := list "http" "https" }}
    - name: {{ $name }}
      containerPort: {{ index $controller.containerPort $name }}
      {{- if $controller.hostPort.enabled }}
      hostPort: {{ index $controller.hostPort.ports $name }}
      {{- end }}
      protocol: TCP
    {{- end }}
    - name: metrics
      containerPort: {{ $controller.metrics.port }}
      protocol: TCP
  livenessProbe:
    {{- include "weir.probe" (dict "times" .Values.proxy.livenessProbe "path" "/healthz" "port" "metrics") | nindent 4 }}
  readinessProbe:
    {{- include "weir.probe" (dict "times" .Values.proxy.readinessProbe "path" "/readyz" "port" "metrics") | nindent 4 }}
  securityContext:
    {{- toYaml .Values.proxy.containerSecurityContext | nindent 4 }}
  resources:
    {{- toYaml .Values.proxy.resources | nindent 4 }}
  volumeMounts:
    - name: run
      mountPath: /run/weir
    {{- with .Values.proxy.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "weir.proxyArgs" -}}
{{- $controller := .Values.controller -}}
- --socket=/run/weir/weir.sock
- --state-file=/run/weir/table
- --http=:{{ $controller.containerPort.http }}
- --https=:{{ $controller.containerPort.https }}
- --admin=:{{ $controller.metrics.port }}
{{- include "weir.metricsCompat" . }}
- --drain-timeout={{ include "weir.drainTimeout" . }}s
{{- with .Values.proxy }}
{{- if .threads }}
- --threads={{ .threads }}
{{- end }}
{{- if .accessLog.enabled }}
- --access-log=-
{{- if .accessLog.query }}
- --access-log-query
{{- end }}
{{- end }}
{{- include "weir.flags" .extraArgs }}
{{- end }}
{{- end -}}
