#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kube/objects.h"
#include "table/table.h"
#include "util/metric_families.h"

namespace weir::controller {

/// The controller's numbers (docs/metrics.md). From any thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  void set_objects(kube::Kind kind, std::size_t count);
  void problem_appeared(std::string_view code);
  void problem_disappeared(std::string_view code);
  void set_resources(table::ResourceKind kind, std::size_t count);
  void set_generation(std::uint64_t generation);
  void translation_took(std::chrono::nanoseconds time);

  void proxy_connected();
  void proxy_disconnected();
  void peer_refused();
  /// `resources`: how many upserts and removes it held.
  void update_sent(std::size_t resources);
  /// A table is published of which the first change was heard at `heard`.
  void published(std::uint64_t generation, std::chrono::steady_clock::time_point heard);
  /// A proxy runs `generation` on every worker, and has run `former` before; 0: none of this run.
  void ack_received(std::uint64_t former, std::uint64_t generation);
  void nack_received();
  /// `reason` is one of a closed list (push_session.cc).
  void frame_refused(std::string_view reason);

  void event_written();
  /// One that was there got another count.
  void event_repeated();
  void event_dropped();

  /// `election`: the Lease's name, or "none". Once, before anybody is told of as leader.
  void set_election(const std::string& election);
  void set_leader(bool is_leader);
  bool is_leader() const;
  void lease_renewal_failed();
  /// `result` is one of a closed list (status_keeper.cc).
  void status_written(std::string_view result);

  std::vector<prometheus::MetricFamily> collect() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::controller
