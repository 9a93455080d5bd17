#pragma once

#include <vector>

#include "kube/decode_cluster.h"
#include "kube/objects.h"

/// Where clients reach weir, for status.loadBalancer.ingress of Ingresses. Pure functions; their
/// results are sorted and have no duplicates, so that equal addresses are equal values.
namespace weir::controller {

using Addresses = std::vector<kube::LoadBalancerAddress>;

Addresses sorted(Addresses addresses);

/// Each an IP address or else a name.
Addresses addresses_of(const std::vector<std::string>& texts);

/// Of --publish-service, as ingress-nginx takes them: those of the load balancer and the external
/// ones; of a NodePort the external ones or else the cluster's; the cluster's; the name.
Addresses addresses_of(const kube::Service& service);

/// Of the nodes that weir runs on, one each: the external IP or, without one or with
/// `internal_only`, the internal one. Nodes without either are left out.
Addresses addresses_of(const std::vector<std::vector<kube::NodeAddress>>& nodes,
                       bool internal_only);

}  // namespace weir::controller
