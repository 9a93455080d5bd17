#include "controller/metrics.h"

#include <map>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

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

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& objects =
      gauge(registry, "weir_controller_objects", "Kubernetes objects that the controller knows");
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
  prometheus::Gauge& is_leader =
      gauge(registry, "weir_controller_is_leader",
            "Whether this controller is the one that writes status: 1 or 0")
          .Add({});
  prometheus::Counter& lease_renewal_failures =
      counter(registry, "weir_controller_lease_renewal_failures_total",
              "Renewals of the leader's Lease that failed")
          .Add({});
  prometheus::Family<prometheus::Counter>& status_writes = counter(
      registry, "weir_controller_status_writes_total", "Writes of an Ingress's status, by result");
  prometheus::Histogram& translation =
      prometheus::BuildHistogram()
          .Name("weir_controller_translation_seconds")
          .Help("Time from changed objects to a changed table")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                                           0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                           1, 2.5});

  Impl() {
    gauge(registry, "weir_controller_build_info", "Version of this controller, always 1")
        .Add({{"version", util::kVersion}})
        .Set(1);
    for (const char* result : {"ok", "conflict", "gone", "failed"}) {
      status_writes.Add({{"result", result}});
    }
  }
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

void Metrics::set_objects(kube::Kind kind, std::size_t count) {
  impl_->objects.Add({{"kind", kube::to_string(kind)}}).Set(static_cast<double>(count));
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
void Metrics::ack_received() {
  impl_->acks.Increment();
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

void Metrics::set_leader(bool is_leader) {
  impl_->is_leader.Set(is_leader ? 1 : 0);
}
void Metrics::lease_renewal_failed() {
  impl_->lease_renewal_failures.Increment();
}
void Metrics::status_written(std::string_view result) {
  impl_->status_writes.Add({{"result", std::string(result)}}).Increment();
}

void Metrics::frame_refused(std::string_view reason) {
  impl_->refused_frames.Add({{"reason", std::string(reason)}}).Increment();
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace weir::controller
