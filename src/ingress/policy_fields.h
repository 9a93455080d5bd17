#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingress/annotations.h"
#include "kube/objects.h"

/// The registry of weir's own kinds. What a TunnelPolicy, a BackendPolicy or a WeirConfig can say,
/// an annotation can say, too: each field is another place for one, with the same type, the same
/// bounds and the same effect. It drives the reading of policies (policy_settings.h), their schemas
/// (crds/) and the reference page (docs/crds.md).
namespace weir::ingress {

struct PolicyField {
  std::string path;  ///< below spec: "timeouts.idle"
  const Annotation* annotation = nullptr;
  std::string_view text = {};   ///< what it does, where the annotation's text is about more
  bool is_secret_name = false;  ///< of the policy's namespace; the annotation has "namespace/name"
};

/// What must hold between fields, as the API server checks it.
struct PolicyRule {
  std::string_view cel;
  std::string_view message;  ///< a sentence that says what to do, no trailing period
};

/// An object that holds fields, and `spec` itself, by path "".
struct PolicyGroup {
  std::string path;
  std::string_view text;
  std::vector<std::string_view> required = {};  ///< names of members
  std::vector<PolicyRule> rules = {};
};

struct PolicyKind {
  kube::Kind kind = kube::Kind::TunnelPolicy;
  std::string_view plural;
  std::string_view short_name;
  std::string_view text;  ///< what it is for: sentences
  std::vector<PolicyGroup> groups;
  std::vector<PolicyField> fields;  ///< in the order of the page; a group's are together
};

/// All three. Built once, then immutable; from any thread.
const std::vector<PolicyKind>& policy_kinds();
/// A kind of ours.
const PolicyKind& policy_kind(kube::Kind kind);
/// nullptr: there is none.
const PolicyField* find_policy_field(kube::Kind kind, std::string_view path);

/// Whether its value is a time, which custom resources write as "30s" in any case.
bool is_time(const Annotation& annotation);
/// "RoundRobin" for "round_robin", as custom resources write a word; "HTTPS" stays.
std::string camel_case(std::string_view word);

}  // namespace weir::ingress
