#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/flags.h"
#include "common/metrics_flags.h"
#include "controller/controller.h"
#include "kube/api_source.h"
#include "kube/credentials.h"
#include "kube/source.h"

namespace weir::cmd {

/// weir-controller's command line, which has ingress-nginx's names where they mean the same.
class ControllerFlags {
 public:
  /// Adds the flags; this object outlives `flags.parse`.
  explicit ControllerFlags(Flags& flags);

  /// What is wrong with one flag's value.
  struct Refused {
    std::string flag;
    std::string message;
  };
  template <class T>
  using Result = std::variant<T, Refused>;

  /// After `parse`.
  Result<controller::Options> options() const;
  struct Opened {
    std::unique_ptr<kube::Source> source;
    std::shared_ptr<kube::Credentials> credentials;  ///< nullptr for a folder
  };
  /// Opens the folder, or finds the credentials for the API server; nothing is asked yet.
  Result<Opened> open_source() const;
  util::log::Level log_level() const { return log_level_; }
  /// A warning for each flag that was given and does nothing in this version.
  void warn_of_unused(const Flags& flags) const;

 private:
  bool is_folder() const;
  /// --secrets; what is wrong with it.
  Result<std::vector<kube::ApiSourceOptions::Secrets>> watched_secrets() const;
  /// What is said about status and leader election; what is wrong with it.
  std::optional<Refused> add_status(controller::Options& options) const;

  MetricsFlags metrics_;
  std::string source_ = "kube";
  std::string socket_ = "/run/weir/weir.sock";
  std::string ingress_class_ = "nginx";
  std::vector<std::string> controller_classes_;
  bool watch_without_class_ = false;
  bool class_by_name_ = false;
  std::string watch_namespace_;
  std::vector<std::string> secrets_;
  std::string default_backend_;
  std::string default_certificate_;
  std::string kubeconfig_;
  std::string apiserver_host_;
  std::optional<Address> metrics_listen_;
  std::uint64_t public_http_port_ = 80;
  std::uint64_t public_https_port_ = 443;
  util::log::Level log_level_ = util::log::Level::Info;

  std::string configmap_;
  std::string ticket_secret_;
  std::string publish_service_;
  std::vector<std::string> publish_status_address_;
  bool report_node_internal_ = false;
  bool update_status_ = true;
  bool update_status_on_shutdown_ = true;
  std::uint64_t status_update_interval_ = 60;
  std::string election_id_ = "weir-leader";
  std::chrono::milliseconds election_ttl_{30'000};
  bool disable_leader_election_ = false;

  // Accepted, so that a command line for ingress-nginx starts weir.
  std::string watch_namespace_selector_;
  std::string tcp_services_;
  std::string udp_services_;
};

}  // namespace weir::cmd
