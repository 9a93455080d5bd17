#include "kube/lease_client.h"

namespace weir::kube {

namespace {

ApiReply decoded(ApiReply reply, Lease& lease) {
  if (reply.status != ApiStatus::Ok) return reply;
  auto read = decode_lease(reply.body);
  if (read && !read->resource_version.empty()) {
    lease = std::move(*read);
    return reply;
  }
  reply.status = ApiStatus::Refused;
  reply.detail = "the answer is no Lease" + (read ? "" : ": " + read.error().detail);
  return reply;
}

}  // namespace

LeaseClient::LeaseClient(std::unique_ptr<ApiClient> client, std::string ns, std::string name)
    : client_(std::move(client)),
      ns_(std::move(ns)),
      name_(std::move(name)),
      collection_("/apis/coordination.k8s.io/v1/namespaces/" + encode_query(ns_) + "/leases") {}

ApiReply LeaseClient::read(Lease& lease) {
  return decoded(client_->get(collection_ + '/' + encode_query(name_)), lease);
}

ApiReply LeaseClient::create(Lease& lease) {
  lease.ns = ns_;
  lease.name = name_;
  lease.resource_version.clear();
  return decoded(client_->post(collection_, encode_lease(lease)), lease);
}

ApiReply LeaseClient::update(Lease& lease) {
  return decoded(client_->put(collection_ + '/' + encode_query(name_), encode_lease(lease)), lease);
}

}  // namespace weir::kube
