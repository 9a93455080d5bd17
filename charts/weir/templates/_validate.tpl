{{/* What cannot be is said here in a sentence, before the API server, or a Pod, says it in another way. */}}
{{- define "weir.validate" -}}
{{- $controller := .Values.controller -}}
{{- $service := $controller.service -}}
{{- $ports := $controller.containerPort -}}
{{- $deployed := eq $controller.kind "Deployment" -}}

{{- if and (ne (toString $controller.minAvailable) "") (ne (toString $controller.maxUnavailable) "") -}}
{{- fail "controller.minAvailable and controller.maxUnavailable exclude each other: a PodDisruptionBudget has one of them" -}}
{{- end -}}
{{- if and $controller.autoscaling.enabled (not $deployed) -}}
{{- fail "controller.autoscaling needs controller.kind Deployment: a DaemonSet has a Pod on each node" -}}
{{- end -}}
{{- if $controller.autoscaling.enabled -}}
{{- if gt ($controller.autoscaling.minReplicas | int) ($controller.autoscaling.maxReplicas | int) -}}
{{- fail "controller.autoscaling.minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- if not (or $controller.autoscaling.targetCPUUtilizationPercentage $controller.autoscaling.targetMemoryUtilizationPercentage $controller.autoscalingTemplate) -}}
{{- fail "controller.autoscaling has nothing to go by: set targetCPUUtilizationPercentage, targetMemoryUtilizationPercentage or controller.autoscalingTemplate" -}}
{{- end -}}
{{- end -}}
{{- if (dig "keda" "enabled" false $controller) -}}
{{- fail "controller.keda is not made by this chart: use controller.autoscaling, or put a ScaledObject into extraObjects" -}}
{{- end -}}

{{- if lt (include "weir.drainTimeout" . | int) 1 -}}
{{- fail (printf "controller.terminationGracePeriodSeconds (%d) leaves no time for tunnels to end: it must be over proxy.drain.delaySeconds (%d) and 20" (int $controller.terminationGracePeriodSeconds) (int .Values.proxy.drain.delaySeconds)) -}}
{{- end -}}
{{- $needed := add (.Values.proxy.drain.delaySeconds | int) (include "weir.drainTimeout" . | int) 20 -}}
{{- if lt ($controller.terminationGracePeriodSeconds | int) ($needed | int) -}}
{{- fail (printf "controller.terminationGracePeriodSeconds (%d) is too short: proxy.drain.delaySeconds, proxy.drain.timeoutSeconds and 20 make %d" (int $controller.terminationGracePeriodSeconds) $needed) -}}
{{- end -}}
{{- if and (eq (toString $controller.nativeSidecar) "true") (semverCompare "<1.29-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "controller.nativeSidecar: Kubernetes %s has no native sidecars, it takes 1.29; `auto` uses them where they are" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if (dig "shareProcessNamespace" false $controller) -}}
{{- fail "controller.shareProcessNamespace: the process that faces the Internet must not see that with the token" -}}
{{- end -}}

{{- if and .Values.rbac.scope (not $controller.scope.enabled) -}}
{{- fail "rbac.scope needs controller.scope.enabled: without a ClusterRole only one namespace can be watched" -}}
{{- end -}}
{{- if .Values.rbac.scope -}}
{{- if include "weir.publishesNodes" . -}}
{{- fail "rbac.scope: the status of Ingresses would be the nodes' addresses, which no Role can allow to read: give controller.extraArgs.publish-status-address, or set controller.updateStatus to false" -}}
{{- end -}}
{{- $published := include "weir.publishService" . | splitList "/" | first -}}
{{- if and $published (ne $published (include "weir.namespace" .)) (ne $published (include "weir.watchNamespace" .)) -}}
{{- fail (printf "controller.publishService.pathOverride: with rbac.scope no Service in namespace %s can be read" $published) -}}
{{- end -}}
{{- end -}}
{{- if .Values.rbac.scope -}}
{{- range .Values.rbac.secrets -}}
{{- if ne (splitList "/" . | first) (include "weir.watchNamespace" $) -}}
{{- fail (printf "rbac.secrets: %s is not in namespace %s, and a Role there cannot allow it" . (include "weir.watchNamespace" $)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and .Values.admissionPolicy.enabled (semverCompare "<1.30-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "admissionPolicy: Kubernetes %s has no ValidatingAdmissionPolicy, it takes 1.30" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if (dig "scope" "namespaceSelector" "" $controller) -}}
{{- fail "controller.scope.namespaceSelector: this version cannot select namespaces by label, and would serve all of them; use controller.scope.namespace" -}}
{{- end -}}
{{- if and $controller.scope.enabled $controller.configMapNamespace (ne $controller.configMapNamespace (include "weir.watchNamespace" .)) -}}
{{- fail (printf "controller.configMapNamespace must be %s: with controller.scope.enabled the controller sees no other namespace" (include "weir.watchNamespace" .)) -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) -}}
{{- fail "serviceAccount.name is needed if serviceAccount.create is false" -}}
{{- end -}}

{{- if and $controller.hostNetwork $controller.hostPort.enabled -}}
{{- fail "controller.hostNetwork and controller.hostPort exclude each other: in the node's network the proxy listens on controller.containerPort itself" -}}
{{- end -}}
{{- $used := dict -}}
{{- range $name, $port := dict "controller.containerPort.http" $ports.http "controller.containerPort.https" $ports.https "controller.metrics.port" $controller.metrics.port "controller.metrics.controllerPort" $controller.metrics.controllerPort -}}
{{- if hasKey $used (toString $port) -}}
{{- fail (printf "%s and %s are both %v: each listener needs its own port" (get $used (toString $port)) $name $port) -}}
{{- end -}}
{{- $_ := set $used (toString $port) $name -}}
{{- end -}}
{{- if $service.enabled -}}
{{- if not (or $service.enableHttp $service.enableHttps) -}}
{{- fail "controller.service has neither HTTP nor HTTPS: switch enableHttp or enableHttps on, or the Service off" -}}
{{- end -}}
{{- range $name, $one := dict "controller.service" $service "controller.service.internal" $service.internal -}}
{{- $type := $one.type | default $service.type -}}
{{- if and $one.loadBalancerClass (ne $type "LoadBalancer") -}}
{{- fail (printf "%s.loadBalancerClass needs type LoadBalancer" $name) -}}
{{- end -}}
{{- if and $one.externalTrafficPolicy (eq $type "ClusterIP") (not $one.externalIPs) -}}
{{- fail (printf "%s.externalTrafficPolicy needs type LoadBalancer or NodePort" $name) -}}
{{- end -}}
{{- if and $one.healthCheckNodePort (not (and (eq $type "LoadBalancer") (eq $one.externalTrafficPolicy "Local"))) -}}
{{- fail (printf "%s.healthCheckNodePort needs type LoadBalancer and externalTrafficPolicy Local" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if has $controller.ingressClassResource.name $controller.ingressClassResource.aliases -}}
{{- fail (printf "controller.ingressClassResource.aliases has %s, which is its name already" $controller.ingressClassResource.name) -}}
{{- end -}}

{{- with $controller.metrics -}}
{{- if and .serviceMonitor.enabled (not (and .enabled .service.enabled)) -}}
{{- fail "controller.metrics.serviceMonitor needs controller.metrics.enabled and controller.metrics.service.enabled; a podMonitor does without the Service" -}}
{{- end -}}
{{- if and .podMonitor.enabled (not .enabled) -}}
{{- fail "controller.metrics.podMonitor needs controller.metrics.enabled" -}}
{{- end -}}
{{- if and .serviceMonitor.enabled .podMonitor.enabled -}}
{{- fail "controller.metrics.serviceMonitor and podMonitor would both scrape the same Pods: choose one" -}}
{{- end -}}
{{- end -}}

{{- if or .Values.tcp .Values.udp -}}
{{- fail "tcp and udp: this version serves neither TCP nor UDP services" -}}
{{- end -}}
{{- if (dig "enabled" false (.Values.defaultBackend | default dict)) -}}
{{- fail "defaultBackend.enabled: deploy that Service yourself and name it in controller.extraArgs.default-backend-service; without one, weir answers 404 itself" -}}
{{- end -}}
{{- range list "source" "socket" "metrics-listen" "metrics-compat" -}}
{{- if hasKey $controller.extraArgs . -}}
{{- fail (printf "controller.extraArgs.%s is set by the chart" .) -}}
{{- end -}}
{{- end -}}
{{- range list "socket" "http" "https" "admin" "state-file" "drain-timeout" "metrics-compat" -}}
{{- if hasKey $.Values.proxy.extraArgs . -}}
{{- fail (printf "proxy.extraArgs.%s is set by the chart" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
