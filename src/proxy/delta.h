#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/basic_auth.h"
#include "proxy/block_rules.h"
#include "proxy/host_rules.h"
#include "proxy/server_certificate.h"
#include "proxy/trust_store.h"
#include "table/table.h"

namespace weir::proxy {

/// What one generation changes, built once and shared by all workers, which only swap pointers.
/// Immutable after it has been handed to the first worker.
struct Delta {
  struct NewHost {
    template <std::convertible_to<std::shared_ptr<const table::Host>> Given>
    NewHost(Given given)  // NOLINT(google-explicit-constructor): it is a host, with its rules
        : host(std::move(given)), rules(HostRules::make(*host)) {}
    const table::Host* operator->() const { return host.get(); }

    std::shared_ptr<const table::Host> host;
    std::shared_ptr<const HostRules> rules;  ///< nullptr: it has none
  };
  struct NamedCertificate {
    std::string name;
    std::shared_ptr<const ServerCertificate> certificate;
  };
  struct NamedTrust {
    std::string name;
    std::shared_ptr<const TrustStore> trust;
  };

  struct NamedUsers {
    std::string name;
    std::shared_ptr<const UserList> users;
  };

  std::optional<table::Settings> settings;
  std::shared_ptr<const BlockRules> blocked;  ///< of the settings, if there are any
  std::shared_ptr<const TextRules> unlogged;  ///< likewise
  std::vector<NamedCertificate> certificates;
  std::vector<std::string> removed_certificates;
  std::vector<std::shared_ptr<const table::Backend>>
      backends;  ///< names that DNS answers filled in, too
  std::vector<std::string> removed_backends;
  std::vector<NewHost> hosts;
  std::vector<std::string> removed_hosts;
  std::vector<NamedTrust> trust_bundles;
  std::vector<std::string> removed_trust_bundles;
  std::vector<NamedUsers> users;
  std::vector<std::string> removed_users;
  std::vector<std::shared_ptr<const table::TcpService>> tcp_services;
  std::vector<std::string> removed_tcp_services;  ///< their ports
  std::optional<table::TicketSeed> ticket_seed;   ///< empty bytes: there is none any more
};

}  // namespace weir::proxy
