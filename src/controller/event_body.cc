#include "controller/event_body.h"

#include <cstdint>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "util/rfc3339.h"

namespace weir::controller {

namespace {

// events.k8s.io/v1: what the API server takes.
constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxInstance = 128;
constexpr std::size_t kMaxName = 253 - 1 - 16;  // and ".", and 16 hex digits

const char* api_version_of(kube::Kind kind) {
  switch (kind) {
    case kube::Kind::Ingress:
    case kube::Kind::IngressClass:
      return "networking.k8s.io/v1";
    case kube::Kind::EndpointSlice:
      return "discovery.k8s.io/v1";
    case kube::Kind::TunnelPolicy:
    case kube::Kind::BackendPolicy:
    case kube::Kind::WeirConfig:
      return "weir.dev/v1alpha1";
    case kube::Kind::Service:
    case kube::Kind::Secret:
    case kube::Kind::ConfigMap:
    case kube::Kind::Manifest:
      break;
  }
  return "v1";
}

/// At most `size` bytes, and no half character at the end.
std::string cut(std::string text, std::size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) --size;
  text.resize(size);
  return text;
}

std::string namespace_of(const kube::Problem& problem) {
  return problem.object.ns.empty() ? "default" : problem.object.ns;
}

}  // namespace

std::string event_name(const kube::Problem& problem, std::chrono::system_clock::time_point time) {
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
  return fmt::format("{}.{:016x}", cut(problem.object.name, kMaxName),
                     static_cast<std::uint64_t>(nanoseconds));
}

std::string make_event(const kube::Problem& problem, const std::string& uid,
                       const EventOrigin& origin, std::chrono::system_clock::time_point time) {
  using nlohmann::json;
  json regarding = {{"apiVersion", api_version_of(problem.object.kind)},
                    {"kind", kube::to_string(problem.object.kind)},
                    {"name", problem.object.name}};
  if (!problem.object.ns.empty()) regarding["namespace"] = problem.object.ns;
  if (!uid.empty()) regarding["uid"] = uid;
  const std::string note =
      problem.field.empty() ? problem.message : problem.field + ": " + problem.message;
  const json event = {
      {"apiVersion", "events.k8s.io/v1"},
      {"kind", "Event"},
      {"metadata", {{"name", event_name(problem, time)}, {"namespace", namespace_of(problem)}}},
      {"eventTime", util::rfc3339_micro(time)},
      {"reportingController", "weir.dev/ingress"},
      {"reportingInstance", cut(origin.instance, kMaxInstance)},
      {"action", "Translate"},
      {"reason", std::string(problem.code)},
      {"regarding", regarding},
      {"note", cut(note, kMaxNote)},
      {"type", "Warning"},
  };
  return event.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string make_series(std::size_t count, std::chrono::system_clock::time_point last) {
  const nlohmann::json patch = {
      {"series", {{"count", count}, {"lastObservedTime", util::rfc3339_micro(last)}}}};
  return patch.dump();
}

std::string event_target(const kube::Problem& problem) {
  return "/apis/events.k8s.io/v1/namespaces/" + namespace_of(problem) + "/events";
}

}  // namespace weir::controller
