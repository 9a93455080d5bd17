#include <random>

#include <gtest/gtest.h>

#include "ingress/objects.h"
#include "ingress/table_dump.h"
#include "ingress/translate.h"
#include "ingress/translator.h"

namespace weir::ingress {
namespace {

/// A small world in which everything meets everything: few names, many changes.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  int upto(int n) { return std::uniform_int_distribution<int>(0, n)(random_); }
  template <class T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(upto(static_cast<int>(choices.size()) - 1))];
  }

  kube::Object object() {
    switch (upto(13)) {
      case 13:
        return config();
      case 12:
      case 11:
        return policy();
      case 10:
        return config_map();
      case 0:
        return ingress_class();
      case 1:
        return service();
      case 2:
      case 3:
        return slice();
      case 4:
        return secret();
      default:
        return ingress();
    }
  }

 private:
  kube::IngressBackend backend() {
    auto backend = test::to(one_of(services_), one_of<std::int32_t>({80, 80, 81}));
    backend.is_resource = upto(15) == 0;
    if (upto(5) == 0) backend.port.name = "web";
    return backend;
  }

  kube::Ingress ingress() {
    kube::Ingress ingress;
    ingress.meta = test::meta(one_of<std::string>({"i1", "i2", "i3", "i4", "i5"}),
                              one_of<std::string>({"default", "team"}), upto(2));
    if (upto(2) == 0) {
      ingress.ingress_class_name = one_of<std::string>({"c1", "c2"});
    } else if (upto(3) != 0) {
      ingress.meta.annotations["kubernetes.io/ingress.class"] = upto(4) == 0 ? "other" : "nginx";
    }
    for (int i = upto(4); i > 0; --i) {
      const auto& [name, values] = one_of(annotations_);
      ingress.meta.annotations[name] = one_of(values);
    }
    if (upto(2) == 0) ingress.default_backend = backend();
    for (int i = upto(3); i > 0; --i) {
      kube::IngressRule rule{one_of(hosts_), {}};
      for (int j = upto(2); j > 0; --j) {
        rule.paths.push_back(
            {one_of<std::string>({"/", "/a", "/b", "", "bad", "/(c"}),
             one_of<kube::PathType>({kube::PathType::Exact, kube::PathType::Prefix}), backend()});
      }
      ingress.rules.push_back(std::move(rule));
    }
    for (int i = upto(2); i > 0; --i) {
      ingress.tls.push_back({{one_of(hosts_)}, one_of<std::string>({"s1", "s2", ""})});
    }
    return ingress;
  }

  kube::IngressClass ingress_class() {
    kube::IngressClass ingress_class;
    ingress_class.meta.name = one_of<std::string>({"c1", "c2"});
    ingress_class.controller = one_of<std::string>({"weir.dev/ingress", "example.com/other"});
    if (upto(1) == 0) {
      ingress_class.meta.annotations["ingressclass.kubernetes.io/is-default-class"] = "true";
    }
    if (upto(1) == 0) {
      ingress_class.parameters = kube::ClassParameters{
          one_of<std::string>({"weir.dev", "weir.dev", "example.com"}), "WeirConfig",
          one_of<std::string>({"config", "nobody"}), one_of<std::string>({"default", "team"})};
    }
    return ingress_class;
  }

  kube::Service service() {
    auto service = test::service(one_of(services_), one_of<std::int32_t>({80, 81}));
    service.meta.ns = one_of<std::string>({"default", "team"});
    service.cluster_ip = one_of<std::string>({"10.96.0.1", "None", ""});
    if (upto(2) == 0) service.ports[0].name = "web";
    if (upto(5) == 0) {
      service.type = "ExternalName";
      service.external_name = one_of<std::string>({"db.example", "localhost", "10.9.9.9", "?"});
    }
    return service;
  }

  kube::EndpointSlice slice() {
    const std::vector<std::string> addresses = {"10.0.0.1", "10.0.0.2", "bad"};
    auto slice = test::slice(one_of<std::string>({"e1", "e2", "e3"}), one_of(services_), {});
    slice.meta.ns = one_of<std::string>({"default", "team"});
    slice.ports[0].name = one_of<std::string>({"", "web"});
    for (int i = upto(3); i > 0; --i) {
      kube::SliceEndpoint endpoint;
      endpoint.addresses = {one_of(addresses)};
      if (upto(1) == 0) endpoint.ready = upto(1) == 0;
      endpoint.serving = true;
      endpoint.terminating = upto(1) == 0;
      slice.endpoints.push_back(std::move(endpoint));
    }
    return slice;
  }

  kube::Secret secret() {
    const auto name = one_of<std::string>({"a.x.example", "*.x.example"});
    const auto& pair = upto(2) == 0 ? test::make_rsa_pair({name})
                                    : test::make_pair({name}, "test", one_of<long>({1, 2}));
    auto secret = test::secret(one_of<std::string>({"s1", "s2"}), pair);
    secret.meta.ns = one_of<std::string>({"default", "team"});
    if (upto(4) == 0) secret.data["tls.key"] = "rubbish";
    if (upto(3) == 0) secret.data["tls.ocsp-staple"] = "rubbish";
    if (upto(4) == 0) secret.data.clear();
    if (upto(2) == 0) secret.data["auth"] = "a:{PLAIN}b";
    if (upto(3) == 0) secret.data["anna"] = "{PLAIN}c";
    if (upto(1) == 0) secret.data["ca.crt"] = upto(4) == 0 ? "rubbish" : pair.certificate_pem;
    return secret;
  }

  /// Headers, most of the time.
  kube::ConfigMap headers() {
    kube::ConfigMap headers;
    headers.meta = test::meta("headers", one_of<std::string>({"default", "team"}));
    for (int i = upto(2); i > 0; --i) {
      headers.data[one_of<std::string>({"X-A", "X-B", "X-A", "Bad Name", "Host"})] =
          one_of<std::string>({"1", "$host", "$bad", "two\nlines"});
    }
    return headers;
  }

  kube::Policy policy() {
    kube::Policy policy;
    policy.kind = one_of<kube::Kind>({kube::Kind::TunnelPolicy, kube::Kind::BackendPolicy});
    policy.meta = test::meta(one_of<std::string>({"p1", "p2", "p3"}),
                             one_of<std::string>({"default", "team"}), upto(2));
    const bool is_tunnel = policy.kind == kube::Kind::TunnelPolicy;
    for (int i = upto(2); i >= 0; --i) {
      if (is_tunnel && upto(1) == 0) {
        policy.targets.push_back({kube::Kind::Ingress, one_of<std::string>({"i1", "i2", "i3"}),
                                  one_of<std::string>({"", "", "y.example", "A.x.example"})});
      } else {
        policy.targets.push_back(
            {kube::Kind::Service, one_of(services_), one_of<std::string>({"", "", "web", "no"})});
      }
    }
    const auto set = [&](const std::string& path, const std::vector<std::string>& values) {
      if (upto(1) == 0) policy.fields[path] = {one_of(values)};
    };
    if (is_tunnel) {
      set("limits.tunnels", {"1", "2", "bad"});
      set("timeouts.idle", {"1m", "2m"});
    } else {
      set("protocol", {"HTTP", "HTTPS"});
      set("tls.secretName", {"s1", "s2"});
      set("timeouts.read", {"1m", "2m", "bad"});
      set("balancing.algorithm", {"Ewma", "RoundRobin"});
      set("affinity.type", {"Cookie"});
      set("limits.requestsPerEndpoint", {"1", "2"});
    }
    return policy;
  }

  kube::Policy config() {
    kube::Policy config;
    config.kind = kube::Kind::WeirConfig;
    config.meta = test::meta("config", one_of<std::string>({"default", "team"}));
    if (upto(1) == 0) config.fields["tunnels.limits.tunnels"] = {one_of<std::string>({"3", "4"})};
    if (upto(1) == 0) {
      config.fields["backends.limits.queue"] = {one_of<std::string>({"3", "bad"})};
    }
    return config;
  }

  kube::ConfigMap tcp_services() {
    kube::ConfigMap map;
    map.meta = test::meta("tcp");
    for (int i = upto(3); i > 0; --i) {
      map.data[one_of<std::string>({"5000", "5001", "80", "x"})] = one_of<std::string>(
          {"default/v1:80", "team/v2:web", "default/v1:80:PROXY", "default/nobody:1", "bad"});
    }
    return map;
  }

  kube::ConfigMap config_map() {
    if (upto(3) == 0) return tcp_services();
    if (upto(1) == 0) return headers();
    kube::ConfigMap config_map;
    config_map.meta = test::meta("settings");
    if (upto(1) == 0) config_map.data["global-allowed-response-headers"] = "X-A,X-B";
    if (upto(2) == 0) config_map.data["add-headers"] = "team/headers";
    if (upto(2) == 0) config_map.data["proxy-set-headers"] = "default/headers";
    for (int i = upto(2); i > 0; --i) {
      const auto& [name, values] = one_of(annotations_);
      config_map.data[name.substr(name.find('/') + 1)] = one_of(values);
    }
    return config_map;
  }

  std::mt19937_64 random_;
  const std::vector<std::string> hosts_ = {
      "",          "a.x.example",   "b.x.example", "*.x.example",
      "y.example", "www.y.example", "A.X.example", "not a host"};
  const std::vector<std::pair<std::string, std::vector<std::string>>> annotations_ = {
      {"weir.dev/tunnel-limit", {"1", "2", "bad", ""}},
      {"weir.dev/tunnel-idle-timeout", {"1m", "2m"}},
      {"weir.dev/unknown", {"1"}},
      {"nginx.ingress.kubernetes.io/proxy-read-timeout", {"60", "90"}},
      {"nginx.ingress.kubernetes.io/proxy-next-upstream", {"off", "error"}},
      {"nginx.ingress.kubernetes.io/load-balance", {"round_robin", "ewma", "chash"}},
      {"nginx.ingress.kubernetes.io/affinity", {"cookie"}},
      {"nginx.ingress.kubernetes.io/affinity", {"cookie"}},
      {"nginx.ingress.kubernetes.io/affinity-mode", {"persistent", "balanced"}},
      {"nginx.ingress.kubernetes.io/session-cookie-name", {"one", "two"}},
      {"nginx.ingress.kubernetes.io/upstream-hash-by", {"$host", "$bad"}},
      {"nginx.ingress.kubernetes.io/ssl-redirect", {"false", "true"}},
      {"nginx.ingress.kubernetes.io/ssl-passthrough", {"true"}},
      {"nginx.ingress.kubernetes.io/from-to-www-redirect", {"true", "false"}},
      {"nginx.ingress.kubernetes.io/rewrite-target", {"/", "/a", "/$1", "bad"}},
      {"nginx.ingress.kubernetes.io/app-root", {"/app", "/other"}},
      {"nginx.ingress.kubernetes.io/canary", {"true", "true", "false"}},
      {"nginx.ingress.kubernetes.io/canary", {"true"}},
      {"nginx.ingress.kubernetes.io/canary-weight", {"10", "20"}},
      {"nginx.ingress.kubernetes.io/affinity-canary-behavior", {"sticky", "legacy"}},
      {"nginx.ingress.kubernetes.io/limit-rps", {"1", "2"}},
      {"nginx.ingress.kubernetes.io/backend-protocol", {"HTTPS"}},
      {"nginx.ingress.kubernetes.io/proxy-ssl-secret", {"default/s1", "team/s2", "s1"}},
      {"nginx.ingress.kubernetes.io/proxy-ssl-verify", {"on"}},
      {"nginx.ingress.kubernetes.io/auth-tls-secret", {"default/s1", "team/s2", "team/s3"}},
      {"nginx.ingress.kubernetes.io/custom-headers", {"default/headers", "team/headers"}},
      {"nginx.ingress.kubernetes.io/auth-url", {"http://auth.example/"}},
      {"nginx.ingress.kubernetes.io/auth-proxy-set-headers", {"default/headers"}},
      {"nginx.ingress.kubernetes.io/default-backend", {"v1", "v2", "nobody"}},
      {"nginx.ingress.kubernetes.io/custom-http-errors", {"404", "404,503", "bad"}},
      {"nginx.ingress.kubernetes.io/server-alias",
       {"a.x.example", "z.example", "z.example,*.x.example", "~bad", "y.example,q.x.example"}},
      {"nginx.ingress.kubernetes.io/server-alias", {"z.example", "q.x.example"}},
      {"nginx.ingress.kubernetes.io/service-upstream", {"true", "false"}},
      {"nginx.ingress.kubernetes.io/mirror-target", {"http://copy.example$request_uri"}},
      {"weir.dev/plain-http-port", {"81", "web"}},
      {"nginx.ingress.kubernetes.io/auth-type", {"basic"}},
      {"nginx.ingress.kubernetes.io/auth-secret", {"s1", "s2"}},
      {"nginx.ingress.kubernetes.io/auth-secret-type", {"auth-file", "auth-map"}},
  };
  const std::vector<std::string> services_ = {"v1", "v2", "fallback"};
};

/// Objects as they are, next to the table that the steps led to.
class Follower {
 public:
  explicit Follower(const Options& options) : options_(options), translator_(options) {}

  void step(kube::SourceEvents events) {
    for (const auto& object : events.upserts)
      objects_.insert_or_assign(kube::ref_of(object), object);
    for (const auto& ref : events.removes) objects_.erase(ref);
    const auto changes = translator_.apply(std::move(events));
    for (const auto& upsert : changes.upserts) {
      const auto key = table::key_of(upsert);
      const auto former = resources_.find(key);
      EXPECT_FALSE(former != resources_.end() && former->second == upsert)
          << table::to_string(key) << " did not change";
      resources_.insert_or_assign(key, upsert);
    }
    for (const auto& key : changes.removes) {
      EXPECT_EQ(resources_.erase(key), 1U) << table::to_string(key) << " was not there";
    }
    for (const auto& problem : changes.disappeared) EXPECT_EQ(problems_.erase(problem), 1U);
    for (const auto& problem : changes.appeared) EXPECT_TRUE(problems_.insert(problem).second);
  }

  std::string by_steps() const { return test::dump(resources_, problems_); }
  std::string at_once() const {
    std::vector<kube::Object> objects;
    for (const auto& [ref, object] : objects_) objects.push_back(object);
    const auto translation = translate(objects, options_);
    return test::dump(translation.resources, translation.problems);
  }
  std::vector<kube::ObjectRef> refs() const {
    std::vector<kube::ObjectRef> refs;
    for (const auto& [ref, object] : objects_) refs.push_back(ref);
    return refs;
  }

 private:
  Options options_;
  Translator translator_;
  std::map<kube::ObjectRef, kube::Object> objects_;
  std::map<table::ResourceKey, table::Resource> resources_;
  std::set<kube::Problem> problems_;
};

class TranslatorProperty : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TranslatorProperty, AnySequenceOfChangesEndsInTheTableOfItsObjects) {
  World world(GetParam());
  Options options;
  options.serve_classless = world.upto(1) == 0;
  if (world.upto(1) == 0) options.default_backend = NamespacedName{"default", "fallback"};
  if (world.upto(1) == 0) options.config_map = NamespacedName{"default", "settings"};
  if (world.upto(1) == 0) options.tcp_services = NamespacedName{"default", "tcp"};
  if (world.upto(1) == 0) options.default_certificate = NamespacedName{"team", "s1"};
  Follower follower(options);

  for (int step = 0; step < 250; ++step) {
    kube::SourceEvents events;
    for (int i = world.upto(4) == 0 ? 5 : 1; i > 0; --i) {
      const auto refs = follower.refs();
      if (!refs.empty() && world.upto(3) == 0) {
        events.removes.push_back(world.one_of(refs));
      } else {
        events.upserts.push_back(world.object());
      }
    }
    // One call never says both of one object.
    std::erase_if(events.removes, [&](const kube::ObjectRef& ref) {
      return std::any_of(events.upserts.begin(), events.upserts.end(),
                         [&](const auto& object) { return kube::ref_of(object) == ref; });
    });
    follower.step(std::move(events));
    ASSERT_EQ(follower.by_steps(), follower.at_once()) << "after step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TranslatorProperty, testing::Range<std::uint64_t>(1, 21));

}  // namespace
}  // namespace weir::ingress
