#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controller/api_worker.h"
#include "controller/leader_election.h"
#include "controller/status_requests.h"
#include "ingress/translator.h"
#include "kube/source.h"
#include "util/backoff.h"

namespace weir::controller {

/// Keeps status.ancestors of TunnelPolicies, BackendPolicies and WeirConfigs at what is made of
/// them, as long as this is the leader: by server-side apply, a write at a time, and only where it
/// says something else. On the loop it only decides; a thread of its own makes the requests.
class PolicyStatus {
 public:
  /// `translator` outlives it, and so does `io`, whose thread makes all calls. `may_write` is asked
  /// on the other thread, right before each write.
  PolicyStatus(boost::asio::io_context& io, const LeaderElection::Connect& connect,
               const ingress::Translator& translator, std::function<bool()> may_write);
  ~PolicyStatus();  ///< stops

  void set_leading(bool is_leading);
  /// Before the translator takes them.
  void note(const kube::SourceEvents& events);
  /// The translator is up to date, and has judged these.
  void settle(const std::vector<kube::ObjectRef>& judged);
  /// Ends the write under way. May be called twice.
  void stop();

 private:
  struct Job {
    kube::ObjectRef policy;
    std::vector<ingress::PolicyVerdict> verdicts;
    std::vector<kube::PolicyAncestor> shown;  ///< before
  };

  void note(const kube::ObjectRef& ref);
  std::optional<Job> next();
  void pump();
  void applied(const kube::ObjectRef& policy, const std::optional<Applied>& result);

  boost::asio::io_context& io_;
  const ingress::Translator& translator_;
  const std::function<bool()> may_write_;
  std::set<kube::ObjectRef> dirty_;  // while leading
  bool is_leading_ = false;
  bool is_writing_ = false;  // a job is under way, or its retry is awaited
  bool is_stopped_ = false;
  std::string failure_;  // the one that was logged last
  util::Backoff backoff_;
  boost::asio::steady_timer retry_timer_;
  std::unique_ptr<ApiWorker> worker_;
};

}  // namespace weir::controller
