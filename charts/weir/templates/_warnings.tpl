{{/* What can be, but may not be meant: a line each, for NOTES.txt. */}}
{{- define "weir.warnings" -}}
{{- $controller := .Values.controller -}}
{{- if and .Values.rbac.scope $controller.ingressClassResource.aliases }}
controller.ingressClassResource.aliases: with rbac.scope classes cannot be read, and Ingresses are served by one name, {{ $controller.ingressClass | default $controller.ingressClassResource.name }}.
{{- end }}
{{- if and .Values.rbac.secrets (dig "default-ssl-certificate" "" $controller.extraArgs) }}
{{- $name := index $controller.extraArgs "default-ssl-certificate" }}
{{- if not (or (has $name .Values.rbac.secrets) (has (splitList "/" $name | first) .Values.rbac.secrets)) }}
controller.extraArgs.default-ssl-certificate: {{ $name }} is not in rbac.secrets, and so it cannot be read.
{{- end }}
{{- end }}
{{- if and .Values.crds.enabled (include "weir.isForeignDefinition" (dict "name" "tunnelpolicies.weir.dev" "context" .)) }}
crds.enabled: the cluster has the definitions already, not of this release, and they stay as they are. Bring them up to date with: kubectl apply --server-side -f crds/
{{- end }}
{{- if and .Values.crds.enabled .Values.rbac.scope }}
crds.enabled: the definitions are of the whole cluster. Who may not make them installs with crds.enabled=false.
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
