{{- define "weir.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of the objects. Short enough for what is put behind it. */}}
{{- define "weir.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "weir.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "weir.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* The Pods, for selectors: never change it, a Deployment's cannot be. */}}
{{- define "weir.selectorLabels" -}}
app.kubernetes.io/name: {{ include "weir.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "weir.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "weir.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ include "weir.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "weir.image" -}}
{{- $image := .Values.image -}}
{{- $registry := $image.registry | default .Values.global.image.registry -}}
{{- $name := $image.repository -}}
{{- if not $name -}}
{{- $name = $image.image -}}
{{- if $registry -}}
{{- $name = printf "%s/%s" $registry $name -}}
{{- end -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name ($image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "weir.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "weir.fullname" .) -}}
{{- end -}}

{{- define "weir.electionID" -}}
{{- .Values.controller.electionID | default (printf "%s-leader" (include "weir.fullname" .)) -}}
{{- end -}}

{{/* The one namespace that is watched; empty: all. */}}
{{- define "weir.watchNamespace" -}}
{{- with .Values.controller.scope -}}
{{- if .enabled -}}
{{- .namespace | default (include "weir.namespace" $) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Where the ConfigMap is: the controller sees no other namespace than the watched one. */}}
{{- define "weir.configMapNamespace" -}}
{{- .Values.controller.configMapNamespace | default (include "weir.watchNamespace" .) | default (include "weir.namespace" .) -}}
{{- end -}}

{{/* NAMESPACE/NAME of the Service whose addresses Ingresses get; empty: fixed ones, or those of the nodes. */}}
{{- define "weir.publishService" -}}
{{- with .Values.controller -}}
{{- if and .publishService.enabled (not (hasKey .extraArgs "publish-status-address")) -}}
{{- if .publishService.pathOverride -}}
{{- .publishService.pathOverride -}}
{{- else if and .service.enabled .service.external.enabled -}}
{{- printf "%s/%s" (include "weir.namespace" $) (include "weir.fullname" $) -}}
{{- else if and .service.enabled .service.internal.enabled -}}
{{- printf "%s/%s-internal" (include "weir.namespace" $) (include "weir.fullname" $) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" if Ingresses get the addresses of the Pods' nodes. */}}
{{- define "weir.publishesNodes" -}}
{{- with .Values.controller -}}
{{- if and .updateStatus (not (include "weir.publishService" $)) (not (hasKey .extraArgs "publish-status-address")) -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" or nothing. */}}
{{- define "weir.nativeSidecar" -}}
{{- $asked := .Values.controller.nativeSidecar | toString -}}
{{- $can := semverCompare ">=1.29-0" .Capabilities.KubeVersion.Version -}}
{{- if or (eq $asked "true") (and (eq $asked "auto") $can) }}true{{ end -}}
{{- end -}}

{{/* Seconds that requests and tunnels have once listeners are closed. */}}
{{- define "weir.drainTimeout" -}}
{{- $drain := .Values.proxy.drain -}}
{{- if eq (toString $drain.timeoutSeconds) "" -}}
{{- sub (.Values.controller.terminationGracePeriodSeconds | int) (add ($drain.delaySeconds | int) 20) -}}
{{- else -}}
{{- $drain.timeoutSeconds | int -}}
{{- end -}}
{{- end -}}

{{/* Ports as clients see them, for redirects. */}}
{{- define "weir.publicPort" -}}
{{- $controller := .context.Values.controller -}}
{{- if $controller.service.enabled -}}
{{- index $controller.service.ports .name -}}
{{- else if $controller.hostPort.enabled -}}
{{- index $controller.hostPort.ports .name -}}
{{- else -}}
{{- index $controller.containerPort .name -}}
{{- end -}}
{{- end -}}

{{/* A value as text; toString writes a million as 1e+06. */}}
{{- define "weir.text" -}}
{{- if kindIs "float64" . }}{{ toJson . }}{{ else }}{{ toString . }}{{ end -}}
{{- end -}}

{{/* Flags of a map: `name: value`, an empty value is a switch, a list repeats. */}}
{{- define "weir.flags" -}}
{{- range $name, $value := . }}
{{- range (kindIs "slice" $value | ternary $value (list $value)) }}
{{- if or (kindIs "invalid" .) (eq (toString .) "") }}
- {{ printf "--%s" $name | quote }}
{{- else }}
- {{ printf "--%s=%s" $name (include "weir.text" .) | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Values of ingress-nginx that are set and mean nothing here: a line each. */}}
{{- define "weir.ignoredValues" -}}
{{- $known := .Files.Get "files/ingress-nginx.yaml" | fromYaml -}}
{{- range $path, $reason := $known.values -}}
{{- $at := $.Values -}}
{{- $there := true -}}
{{- range splitList "." $path -}}
{{- if and $there (kindIs "map" $at) (hasKey $at .) -}}
{{- $at = index $at . -}}
{{- else -}}
{{- $there = false -}}
{{- end -}}
{{- end -}}
{{- $off := and $there (kindIs "map" $at) -}}
{{- if $off -}}
{{- $off = and (hasKey $at "enabled") (not $at.enabled) -}}
{{- end -}}
{{- if and $there $at (not $off) }}
{{ $path }}: {{ $reason }}
{{- end -}}
{{- end -}}
{{- range $flag, $reason := $known.flags -}}
{{- if hasKey $.Values.controller.extraArgs $flag }}
controller.extraArgs.{{ $flag }}: {{ $reason }}
{{- end -}}
{{- end -}}
{{- end -}}
