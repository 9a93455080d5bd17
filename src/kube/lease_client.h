#pragma once

#include <memory>
#include <string>

#include "kube/api_client.h"
#include "kube/decode_cluster.h"

namespace weir::kube {

/// One Lease at the API server. Every write is of a version that was read, so that of two writers
/// one gets a Conflict. For one thread, but `stop` is for any.
class LeaseClient {
 public:
  LeaseClient(std::unique_ptr<ApiClient> client, std::string ns, std::string name);

  /// These fill `lease` with what is at the server, if they are Ok. An answer that is no Lease is
  /// Refused.
  ApiReply read(Lease& lease);
  /// Conflict: there is one already.
  ApiReply create(Lease& lease);
  /// Conflict: it is of another version than `lease`.
  ApiReply update(Lease& lease);

  /// Ends what is under way, and all later requests.
  void stop() { client_->stop(); }

 private:
  const std::unique_ptr<ApiClient> client_;
  const std::string ns_;
  const std::string name_;
  const std::string collection_;
};

}  // namespace weir::kube
