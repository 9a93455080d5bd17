#include <map>
#include <string_view>

#include "fuzz/check.h"
#include "ingress/annotation_reader.h"
#include "ingress/annotations.h"
#include "ingress/backend_policies.h"
#include "ingress/global_settings.h"
#include "ingress/host_builder.h"
#include "table/cbor.h"
#include "table/codec.h"

using namespace weir;
using namespace weir::ingress;
using fuzz::check;

namespace {

constexpr std::size_t kMostProblems = 250;  // more than there are annotations
constexpr std::size_t kMostMessage = 2'000;

kube::Ingress make_ingress(std::map<std::string, std::string> annotations) {
  kube::Ingress object;
  object.meta.ns = "ns";
  object.meta.name = "a";
  object.meta.annotations = std::move(annotations);
  kube::IngressBackend backend;
  backend.service = "shop";
  backend.port.number = 80;
  object.rules.push_back({"a.example", {{"/", kube::PathType::Prefix, backend}}});
  return object;
}

void check_bounds(const std::vector<kube::Problem>& problems) {
  check(problems.size() <= kMostProblems, "problems are bounded");
  for (const auto& problem : problems) {
    check(problem.message.size() <= kMostMessage, "a message is bounded");
    check(table::cbor::is_utf8(problem.message), "a message is UTF-8");
  }
}

void check_travels(const table::Resource& resource) {
  const auto encoded = table::encode(resource);
  const auto decoded = table::decode(encoded.key.kind, *encoded.bytes);
  check(decoded && *decoded == resource, "a proxy takes what annotations say");
}

}  // namespace

/// Lines "name=value": the annotations of an Ingress and, without their prefix, the ConfigMap's
/// keys. Whatever they say, the table that follows is one that a proxy takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!table::cbor::is_utf8(text)) return 0;  // no object has other texts
  std::map<std::string, std::string> annotations;
  kube::ConfigMap config_map;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto equals = line.find('=');
    if (equals == line.npos) continue;
    const auto name = line.substr(0, equals);
    const std::string value(line.substr(equals + 1));
    annotations.insert_or_assign(std::string(name), value);
    config_map.data.insert_or_assign(std::string(name.substr(name.find('/') + 1)), value);
  }

  const auto global = read_global_settings(&config_map);
  check_bounds(global.problems);
  // The same keys as names of headers.
  const FindConfigMap find = [&](const NamespacedName&) { return &config_map; };
  check_travels(make_settings({}, global, find));
  const auto defaults = std::make_shared<const Policies>(global.policies);
  const auto ingress = make_ingress(std::move(annotations));
  const auto read = read_annotations(ingress, defaults);
  check_bounds(read.problems);

  HostShares shares;
  for (auto& [name, share] : shares_of(ingress, read.policies)) {
    shares.insert_or_assign(Age(ingress.meta), std::move(share));
  }
  // For what they say if they are a canary's.
  auto primary = make_ingress({});
  primary.meta.name = "younger";
  primary.meta.creation_timestamp = 1;
  primary.rules[0].paths[0].backend.service = "primary";
  for (auto& [name, share] : shares_of(primary, defaults)) {
    shares.insert_or_assign(Age(primary.meta), std::move(share));
  }
  const auto no_certificate = [](const NamespacedName&) { return nullptr; };
  const auto built =
      build_host({"a.example", shares, {true, {}}, std::nullopt, *defaults, no_certificate, find});
  check_bounds(built.problems);
  check_travels(built.host);

  const auto key = backends_of(ingress).at(0);
  ClaimsByBackend claims;
  claims[key].add(Age(ingress.meta), read.policies);
  table::Backend backend;
  backend.name = to_string(key);
  apply_claims(backend, key, claims, {}, *defaults, nullptr);
  check_travels(backend);
  return 0;
}
