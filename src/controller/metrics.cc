#include "controller/metrics.h"

#include <atomic>
#include <map>
#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "kube/resource.h"
#include "util/version.h"

namespace weir::controller {

namespace {

prometheus::Family<prometheus::Gauge>& gauge(prometheus::Registry& registry, const char* name,
                                             const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& counter(prometheus::Registry& registry, const char* name,
                                                 const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

/// Beyond this, what the oldest table's change took is not known any more.
constexpr std::size_t kMostPublished = 1'024;

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& objects =
      gauge(registry, "weir_kube_objects", "Kubernetes objects that the controller knows");
  prometheus::Family<prometheus::Gauge>& problems =
      gauge(registry, "weir_controller_problems", "Problems that objects have now, by code");
  prometheus::Family<prometheus::Counter>& problems_total =
      counter(registry, "weir_controller_problems_found_total", "Problems that appeared, by code");
  prometheus::Family<prometheus::Gauge>& resources = gauge(
      registry, "weir_controller_table_resources", "Resources of the published table, by kind");
  prometheus::Family<prometheus::Counter>& refused_frames =
      counter(registry, "weir_controller_refused_frames_total",
              "Frames on the control socket that ended their session, by reason");
  prometheus::Gauge& generation =
      gauge(registry, "weir_controller_table_generation", "Generation of the published table")
          .Add({});
  prometheus::Gauge& proxies = gauge(registry, "weir_controller_proxies_connected",
                                     "Proxies that are connected to the control socket")
                                   .Add({});
  prometheus::Counter& refused_peers =
      counter(registry, "weir_controller_refused_peers_total",
              "Connections to the control socket from other users or over the limit")
          .Add({});
  prometheus::Counter& updates =
      counter(registry, "weir_controller_updates_sent_total", "Updates sent to proxies").Add({});
  prometheus::Counter& resources_sent =
      counter(registry, "weir_controller_resources_sent_total",
              "Resources that updates to proxies brought or removed")
          .Add({});
  prometheus::Histogram& propagation =
      prometheus::BuildHistogram()
          .Name("weir_config_propagation_duration_seconds")
          .Help("From when a change was heard of until a proxy ran it on every worker")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                           0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30});
  prometheus::Counter& acks = counter(registry, "weir_controller_updates_acknowledged_total",
                                      "Updates that proxies run on every worker")
                                  .Add({});
  prometheus::Counter& nacks = counter(registry, "weir_controller_resources_refused_total",
                                       "Resources that proxies could not take")
                                   .Add({});
  prometheus::Counter& events_written =
      counter(registry, "weir_controller_events_written_total", "Events that the API server took")
          .Add({});
  prometheus::Counter& events_repeated =
      counter(registry, "weir_controller_events_repeated_total",
              "Updates of the series of Events that the API server has already")
          .Add({});
  prometheus::Counter& events_dropped =
      counter(registry, "weir_controller_events_dropped_total",
              "Events over a limit, or that the API server did not take")
          .Add({});
  prometheus::Family<prometheus::Gauge>& master =
      gauge(registry, "leader_election_master_status",
            "Whether this controller is the one that writes status: 1 or 0");
  prometheus::Gauge* election = nullptr;  // a series of it; nullptr: nobody is elected
  std::atomic<bool> is_leader{false};
  prometheus::Counter& lease_renewal_failures =
      counter(registry, "weir_controller_lease_renewal_failures_total",
              "Renewals of the leader's Lease that failed")
          .Add({});
  prometheus::Family<prometheus::Counter>& status_writes =
      counter(registry, "weir_status_writes_total", "Writes of an object's status, by result");
  prometheus::Histogram& translation =
      prometheus::BuildHistogram()
          .Name("weir_controller_translation_seconds")
          .Help("Time from changed objects to a changed table")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                                           0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                           1, 2.5});

  Impl() {
    gauge(registry, "weir_build_info", "1, labelled with the program and its version")
        .Add({{"component", "controller"}, {"version", util::kVersion}})
        .Set(1);
    for (const char* result : {"ok", "conflict", "gone", "failed"}) {
      status_writes.Add({{"kind", "Ingress"}, {"result", result}});
    }
    for (const auto kind : kube::kObjectKinds) objects.Add({{"resource", kube::short_name(kind)}});
    for (const auto kind : table::kResourceKinds) resources.Add({{"kind", table::label_of(kind)}});
  }

  /// Tables of which no proxy has said yet that it runs them; the newest kMostPublished.
  std::mutex mutex;
  std::map<std::uint64_t, std::chrono::steady_clock::time_point> published;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::set_objects(kube::Kind kind, std::size_t count) {
  impl_->objects.Add({{"resource", kube::short_name(kind)}}).Set(static_cast<double>(count));
}

void Metrics::problem_appeared(std::string_view code) {
  const std::map<std::string, std::string> labels = {{"code", std::string(code)}};
  impl_->problems.Add(labels).Increment();
  impl_->problems_total.Add(labels).Increment();
}

void Metrics::problem_disappeared(std::string_view code) {
  impl_->problems.Add({{"code", std::string(code)}}).Decrement();
}

void Metrics::set_resources(table::ResourceKind kind, std::size_t count) {
  impl_->resources.Add({{"kind", table::label_of(kind)}}).Set(static_cast<double>(count));
}

void Metrics::set_generation(std::uint64_t generation) {
  impl_->generation.Set(static_cast<double>(generation));
}

void Metrics::translation_took(std::chrono::nanoseconds time) {
  impl_->translation.Observe(std::chrono::duration<double>(time).count());
}

void Metrics::proxy_connected() {
  impl_->proxies.Increment();
}
void Metrics::proxy_disconnected() {
  impl_->proxies.Decrement();
}
void Metrics::peer_refused() {
  impl_->refused_peers.Increment();
}
void Metrics::update_sent(std::size_t resources) {
  impl_->updates.Increment();
  impl_->resources_sent.Increment(static_cast<double>(resources));
}
void Metrics::published(std::uint64_t generation, std::chrono::steady_clock::time_point heard) {
  const std::lock_guard lock(impl_->mutex);
  auto& published = impl_->published;
  published.emplace(generation, heard);
  if (published.size() > kMostPublished) published.erase(published.begin());
}
void Metrics::ack_received(std::uint64_t former, std::uint64_t generation) {
  impl_->acks.Increment();
  const std::lock_guard lock(impl_->mutex);
  // The change of those that has waited for longest.
  const auto first = impl_->published.upper_bound(former);
  if (former == 0 || first == impl_->published.end() || first->first > generation) return;
  const auto took = std::chrono::steady_clock::now() - first->second;
  impl_->propagation.Observe(std::chrono::duration<double>(took).count());
}
void Metrics::nack_received() {
  impl_->nacks.Increment();
}

void Metrics::event_written() {
  impl_->events_written.Increment();
}
void Metrics::event_repeated() {
  impl_->events_repeated.Increment();
}
void Metrics::event_dropped() {
  impl_->events_dropped.Increment();
}

void Metrics::set_election(const std::string& election) {
  impl_->election = &impl_->master.Add({{"name", election}});
}
void Metrics::set_leader(bool is_leader) {
  impl_->is_leader = is_leader;
  if (impl_->election != nullptr) impl_->election->Set(is_leader ? 1 : 0);
}
bool Metrics::is_leader() const {
  return impl_->is_leader;
}
void Metrics::lease_renewal_failed() {
  impl_->lease_renewal_failures.Increment();
}
void Metrics::status_written(std::string_view result) {
  impl_->status_writes.Add({{"kind", "Ingress"}, {"result", std::string(result)}}).Increment();
}

void Metrics::frame_refused(std::string_view reason) {
  impl_->refused_frames.Add({{"reason", std::string(reason)}}).Increment();
}

std::vector<prometheus::MetricFamily> Metrics::collect() const {
  return impl_->registry.Collect();
}

}  // namespace weir::controller
