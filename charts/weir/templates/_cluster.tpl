{{/* The name of what is of the whole cluster: two releases in two namespaces may have the same name. */}}
{{- define "weir.clusterName" -}}
{{- $name := printf "%s-%s" (include "weir.namespace" .) (include "weir.fullname" .) | trunc 63 | trimSuffix "-" -}}
{{- eq (include "weir.namespace" .) (include "weir.fullname" .) | ternary (include "weir.fullname" .) $name -}}
{{- end -}}

{{/* Not empty if the cluster has that definition already, of another release or of nobody: it is left as it is. */}}
{{- define "weir.isForeignDefinition" -}}
{{- $there := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" .name -}}
{{- if $there -}}
{{- $owner := $there.metadata.annotations | default dict -}}
{{- $ours := and (eq (get $owner "meta.helm.sh/release-name") .context.Release.Name) (eq (get $owner "meta.helm.sh/release-namespace") .context.Release.Namespace) -}}
{{- $ours | ternary "" "true" -}}
{{- end -}}
{{- end -}}
