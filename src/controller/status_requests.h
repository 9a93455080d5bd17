#pragma once

#include <optional>
#include <string>

#include "controller/status_addresses.h"
#include "controller/status_book.h"
#include "controller/status_options.h"
#include "ingress/policy_index.h"
#include "kube/api_client.h"

/// What the status of Ingresses needs of the API server. Each of these waits for answers.
namespace weir::controller {

/// Server-side apply of the job, as "weir", never with force: what another manager has, it keeps.
struct Applied {
  StatusOutcome outcome;
  std::string writer;  ///< who has it, after a Conflict
  std::string detail;  ///< what went wrong
  std::optional<std::chrono::seconds> retry_after;
};
Applied apply_status(kube::ApiClient& client, const StatusJob& job);

/// In the status of what has several.
inline constexpr const char* kControllerName = "weir.dev/ingress";

/// The same for status.ancestors of a policy, with force: nobody else writes it. A condition whose
/// status is as in `shown` keeps its time.
Applied apply_policy_status(kube::ApiClient& client, const kube::ObjectRef& policy,
                            const std::vector<ingress::PolicyVerdict>& verdicts,
                            const std::vector<kube::PolicyAncestor>& shown);

/// Of the Service as it is now. Unavailable if that cannot be asked for, Malformed if there is
/// none.
util::Result<Addresses> read_service_addresses(kube::ApiClient& client,
                                               const ingress::NamespacedName& service);

/// Of the nodes on which the ready Pods of this controller are: those with the labels of `pod`, its
/// revision aside.
util::Result<Addresses> read_node_addresses(kube::ApiClient& client, const OwnPod& pod,
                                            bool internal_only);

/// Whether there is another Pod of this controller that is to stay.
util::Result<bool> is_other_pod_there(kube::ApiClient& client, const OwnPod& pod);

}  // namespace weir::controller
