#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controller/api_worker.h"
#include "controller/leader_election.h"
#include "controller/metrics.h"
#include "controller/status_book.h"
#include "controller/status_options.h"
#include "controller/status_requests.h"
#include "ingress/translator.h"
#include "kube/source.h"
#include "util/backoff.h"

namespace weir::controller {

/// Keeps status.loadBalancer.ingress of served Ingresses at the addresses by which clients reach
/// weir, as long as it is the leader. On the loop it only decides (StatusBook); requests are made
/// by threads of their own, one write at a time.
class StatusKeeper {
 public:
  using Report = std::function<void(const kube::Problem&)>;

  /// `translator` outlives it, and so does `io`, whose thread makes all calls.
  StatusKeeper(boost::asio::io_context& io, LeaderElection::Connect connect, StatusOptions options,
               const ingress::Options& translation, const ingress::Translator& translator,
               Metrics& metrics, Report appeared, Report disappeared);
  ~StatusKeeper();  ///< stops

  /// Told of each change of who leads, on the loop. Before the first `settle`.
  void on_leading(std::function<void(bool)> told) { told_of_leading_ = std::move(told); }
  /// Whether a write may go out now. From any thread, between `on_leading` and `stop`.
  bool may_write() const { return !election_ || election_->is_leader(); }
  /// Before the translator takes them.
  void note(const kube::SourceEvents& events);
  /// The translator is up to date, with everything that there is. The first call starts the
  /// election.
  void settle();
  /// The last write ends, the leader clears if it is to and is the last, and gives its Lease back:
  /// all that within 15 seconds. May be called twice.
  void stop();

 private:
  enum class AddressSource { Fixed, WatchedService, Asked };

  void note(const kube::ObjectRef& ref);
  void start();
  void set_leading(bool is_leading);
  void look_at_service();
  void set_service_is_missing(bool is_missing);
  void ask();
  void answered(const util::Result<Addresses>& addresses);
  void pump();
  void applied(const StatusJob& job, const std::optional<Applied>& result);
  void report_problems();
  void clear(kube::ApiClient& client, const std::vector<ingress::NamespacedName>& names) const;

  boost::asio::io_context& io_;
  const LeaderElection::Connect connect_;
  const StatusOptions options_;
  const AddressSource source_;
  const ingress::Translator& translator_;
  Metrics& metrics_;
  const Report appeared_;
  const Report disappeared_;
  std::function<void(bool)> told_of_leading_ = [](bool) {};

  StatusBook book_;
  std::unordered_set<ingress::NamespacedName, ingress::NamespacedNameHash> touched_;
  bool classes_touched_ = false;
  bool service_touched_ = true;
  bool service_is_missing_ = false;
  bool is_started_ = false;
  bool is_leading_ = false;
  bool is_writing_ = false;  // a job is under way, or its retry is awaited
  bool is_stopped_ = false;
  std::string failure_;  // the one that was logged last
  util::Backoff backoff_;
  boost::asio::steady_timer retry_timer_;
  boost::asio::steady_timer ask_timer_;
  std::unique_ptr<LeaderElection> election_;
  std::unique_ptr<ApiWorker> worker_;
};

}  // namespace weir::controller
