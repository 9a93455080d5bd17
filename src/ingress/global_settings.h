#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ingress/header_map.h"
#include "ingress/options.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "kube/problem.h"
#include "table/table.h"
#include "util/result.h"

namespace weir::ingress {

/// What the controller's ConfigMap (--configmap) says for every host. Its keys are ingress-nginx's.
struct GlobalSettings {
  table::TlsSettings tls;
  std::optional<table::Hsts> hsts = table::Hsts{};
  bool underscores_in_headers = false;
  bool odd_names_in_headers = false;
  bool adds_original_uri = false;  ///< to requests, as X-Original-URI
  table::ConnectionSettings connections;
  std::vector<std::string> unlogged_uris;
  table::Forwarded forwarded;
  table::TunnelTotals tunnels;
  table::AnswerStatus status;
  table::Blocked blocked;
  struct Streams {
    std::uint32_t idle_timeout_ms = 600'000;
    bool is_tried_again = true;
    std::uint32_t tries = 3;  ///< 1 without that
    std::uint32_t tries_window_ms = 600'000;
  };
  Streams streams;                ///< of TCP services
  table::HeaderSettings headers;  ///< but for what these ConfigMaps list
  std::optional<NamespacedName> response_headers;
  std::optional<NamespacedName> request_headers;
  Policies policies;  ///< what annotations say where there is none
  /// A key with a wrong value has its default, and a problem of its own. Keys that are not in
  /// effect are one problem.
  std::vector<kube::Problem> problems;
};

/// nullptr: there is no such ConfigMap, and all is as by default. Pure.
GlobalSettings read_global_settings(const kube::ConfigMap* config_map);

/// The table's settings but for the certificate.
table::Settings make_settings(const Options& options, const GlobalSettings& global,
                              const FindConfigMap& find);

/// What is wrong with the ConfigMaps of headers that the settings name.
std::vector<kube::Problem> check_header_maps(const GlobalSettings& global,
                                             const FindConfigMap& find);

/// The seed that a Secret holds for session ticket keys, or why it holds none. Never quotes it.
util::Result<table::TicketSeed> read_ticket_seed(const kube::Secret& secret);

}  // namespace weir::ingress
