#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/server_certificate.h"
#include "table/table.h"

namespace weir::proxy {

/// What one generation changes, built once and shared by all workers, which only swap pointers.
/// Immutable after it has been handed to the first worker.
struct Delta {
  struct NamedCertificate {
    std::string name;
    std::shared_ptr<const ServerCertificate> certificate;
  };

  std::optional<table::Settings> settings;
  std::vector<NamedCertificate> certificates;
  std::vector<std::string> removed_certificates;
  std::vector<std::shared_ptr<const table::Backend>>
      backends;  ///< names that DNS answers filled in, too
  std::vector<std::string> removed_backends;
  std::vector<std::shared_ptr<const table::Host>> hosts;
  std::vector<std::string> removed_hosts;
  std::vector<std::shared_ptr<const table::TrustBundle>> trust_bundles;
  std::vector<std::string> removed_trust_bundles;
  std::optional<table::TicketSeed> ticket_seed;  ///< empty bytes: there is none any more
};

}  // namespace weir::proxy
