{{/* What can be, but may not be meant: a line each, for NOTES.txt. */}}
{{- define "weir.warnings" -}}
{{- $controller := .Values.controller -}}
{{- if and .Values.rbac.create .Values.rbac.scope }}
rbac.scope: the account cannot read IngressClasses, and this version's controller waits until it can. Bind a ClusterRole to it with list and watch on ingressclasses.networking.k8s.io.
{{- end }}
{{- if and $controller.hostNetwork (lt (min (int $controller.containerPort.http) (int $controller.containerPort.https)) 1024) }}
controller.hostNetwork: the proxy is not root. On the nodes the sysctl net.ipv4.ip_unprivileged_port_start must allow its ports; controller.hostPort needs no such thing.
{{- end }}
{{- if and (or $controller.hostPort.enabled $controller.hostNetwork) (eq $controller.kind "Deployment") (gt (int $controller.replicaCount) 1) }}
controller.kind: each of the {{ $controller.replicaCount }} Pods needs a node of its own for its ports; others stay pending.
{{- end }}
{{- if and (not .Values.proxy.drain.delaySeconds) $controller.service.enabled }}
proxy.drain.delaySeconds is 0: connections that a load balancer sends to an ending Pod are refused.
{{- end }}
{{- if and (eq $controller.service.externalTrafficPolicy "Local") (eq $controller.kind "Deployment") $controller.service.enabled }}
controller.service.externalTrafficPolicy: with Local only nodes with a Pod serve. Have Pods on as many nodes as the load balancer needs.
{{- end }}
{{- end -}}
