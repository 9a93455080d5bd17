#include "kube/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

/// An object that must be good.
template <class T>
T good(const Decoded& decoded) {
  for (const auto& p : decoded.problems) ADD_FAILURE() << p.field << ": " << p.message;
  if (!decoded.object || !std::holds_alternative<T>(*decoded.object)) {
    ADD_FAILURE() << "no such object";
    return {};
  }
  return std::get<T>(*decoded.object);
}

template <class T>
T manifest(std::string_view json) {
  const auto decoded = decode_manifest(json);
  if (!decoded || !*decoded) {
    ADD_FAILURE() << "not read: " << (decoded ? "kind" : decoded.error().detail);
    return {};
  }
  return good<T>(**decoded);
}

/// The fields that are refused.
std::vector<std::string> refused(std::string_view json) {
  const auto decoded = decode_manifest(json);
  if (!decoded || !*decoded) return {"(not read)"};
  EXPECT_EQ((*decoded)->object.has_value(), (*decoded)->problems.empty());
  std::vector<std::string> fields;
  for (const auto& problem : (*decoded)->problems) {
    EXPECT_EQ(problem.code, "InvalidObject");
    EXPECT_EQ(problem.object, (*decoded)->ref);
    EXPECT_FALSE(problem.message.empty());
    fields.push_back(problem.field);
  }
  return fields;
}

std::string ingress_with(const std::string& spec) {
  return R"({"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"shop"},"spec":)" +
         spec + "}";
}

std::string ingress_with_path(const std::string& path) {
  return ingress_with(R"({"rules":[{"host":"shop.example","http":{"paths":[)" + path + "]}}]}");
}

constexpr const char* kBackend = R"("backend":{"service":{"name":"web","port":{"number":80}}})";

TEST(Decode, ReadsAWholeIngress) {
  const auto ingress = manifest<Ingress>(R"({
    "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
    "metadata": {"name": "shop", "namespace": "prod", "uid": "u1", "resourceVersion": "abc",
      "creationTimestamp": "2026-11-21T10:00:00Z", "generation": 3,
      "annotations": {"nginx.ingress.kubernetes.io/rewrite-target": "/", "weir.dev/x": "y",
                      "kubernetes.io/ingress.class": "nginx", "other": "dropped"},
      "managedFields": [{"manager": "kubectl"}]},
    "spec": {"ingressClassName": "weir",
      "defaultBackend": {"service": {"name": "fallback", "port": {"name": "http"}}},
      "tls": [{"hosts": ["shop.example"], "secretName": "shop-tls"}],
      "rules": [{"host": "*.shop.example", "http": {"paths": [
        {"path": "/a", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}},
        {"pathType": "ImplementationSpecific", "backend": {"resource": {"kind": "Bucket", "name": "b"}}}]}},
        {"host": null}]},
    "status": {"loadBalancer": {}}})");

  EXPECT_EQ(ingress.meta.ns, "prod");
  EXPECT_EQ(ingress.meta.name, "shop");
  EXPECT_EQ(ingress.meta.uid, "u1");
  EXPECT_EQ(ingress.meta.resource_version, "abc");
  EXPECT_EQ(ingress.meta.creation_timestamp, 1795255200);
  EXPECT_THAT(ingress.meta.annotations,
              ElementsAre(Pair("kubernetes.io/ingress.class", "nginx"),
                          Pair("nginx.ingress.kubernetes.io/rewrite-target", "/"),
                          Pair("weir.dev/x", "y")));
  EXPECT_EQ(ingress.ingress_class_name, "weir");
  EXPECT_EQ(ingress.default_backend, (IngressBackend{"fallback", {"http", 0}, false}));
  EXPECT_THAT(ingress.tls, ElementsAre(IngressTls{{"shop.example"}, "shop-tls"}));
  ASSERT_THAT(ingress.rules, SizeIs(2));
  EXPECT_EQ(ingress.rules[0].host, "*.shop.example");
  EXPECT_THAT(ingress.rules[0].paths,
              ElementsAre(IngressPath{"/a", PathType::Prefix, {"web", {"", 80}, false}},
                          IngressPath{"", PathType::ImplementationSpecific, {"", {}, true}}));
  EXPECT_THAT(ingress.rules[1].paths, IsEmpty());
}

TEST(Decode, FillsInWhatAnApiServerDefaults) {
  const auto ingress = manifest<Ingress>(ingress_with_path(std::string("{") + kBackend + "}"));
  EXPECT_EQ(ingress.meta.ns, "default");
  EXPECT_EQ(ingress.meta.creation_timestamp, 0);
  EXPECT_EQ(ingress.ingress_class_name, std::nullopt);
  EXPECT_EQ(ingress.rules[0].paths[0].path_type, PathType::ImplementationSpecific);

  const auto service = manifest<Service>(R"({"apiVersion":"v1","kind":"Service",
    "metadata":{"name":"web"},"spec":{"ports":[{"name":"a","port":80},
      {"name":"b","port":81,"targetPort":"http"},{"name":"c","port":82,"targetPort":8082}]}})");
  EXPECT_EQ(service.type, "ClusterIP");
  EXPECT_THAT(service.ports,
              ElementsAre(ServicePort{"a", "TCP", 80, "80"}, ServicePort{"b", "TCP", 81, "http"},
                          ServicePort{"c", "TCP", 82, "8082"}));

  const auto secret = manifest<Secret>(
      R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":null})");
  EXPECT_EQ(secret.type, "Opaque");
}

TEST(Decode, IngressClassHasNoNamespace) {
  const auto ingress_class = manifest<IngressClass>(R"({"apiVersion":"networking.k8s.io/v1",
    "kind":"IngressClass","metadata":{"name":"weir","namespace":"x","annotations":{
      "ingressclass.kubernetes.io/is-default-class":"true"}},
    "spec":{"controller":"weir.dev/ingress"}})");
  EXPECT_EQ(ingress_class.meta.ns, "");
  EXPECT_EQ(ingress_class.controller, "weir.dev/ingress");
  EXPECT_THAT(ingress_class.meta.annotations, SizeIs(1));
}

TEST(Decode, ReadsAnEndpointSlice) {
  const auto slice = manifest<EndpointSlice>(R"({"apiVersion":"discovery.k8s.io/v1",
    "kind":"EndpointSlice","metadata":{"name":"web-1","labels":{"kubernetes.io/service-name":"web"}},
    "addressType":"IPv4","endpoints":[
      {"addresses":["127.0.0.1"],"conditions":{"ready":true,"serving":null},"zone":"z",
       "targetRef":{"kind":"Pod","name":"p","uid":"u"}},
      {"addresses":["10.0.0.2"],"conditions":{"ready":false,"serving":true,"terminating":true}}],
    "ports":[{"name":"http","port":8080},{"name":null}]})");
  EXPECT_EQ(slice.service, "web");
  EXPECT_EQ(slice.address_type, "IPv4");
  EXPECT_THAT(slice.endpoints,
              ElementsAre(SliceEndpoint{{"127.0.0.1"}, true, std::nullopt, std::nullopt, "z", "u"},
                          SliceEndpoint{{"10.0.0.2"}, false, true, true, "", ""}));
  EXPECT_THAT(slice.ports, ElementsAre(SlicePort{"http", "TCP", 8080}, SlicePort{"", "TCP", {}}));
}

TEST(Decode, KeepsOnlyTheSecretKeysThatAreRead) {
  const auto secret = manifest<Secret>(R"({"apiVersion":"v1","kind":"Secret",
    "metadata":{"name":"tls"},"type":"kubernetes.io/tls",
    "data":{"tls.crt":"Y2VydA==","ca.crt":"Y2E=","tls.ocsp-staple":"MAA=",
            "password":"not base64!"},
    "stringData":{"tls.key":"key","user":"x"}})");
  EXPECT_THAT(secret.data,
              ElementsAre(Pair("ca.crt", "ca"), Pair("tls.crt", "cert"), Pair("tls.key", "key"),
                          Pair("tls.ocsp-staple", std::string("0\0", 2))));
}

TEST(Decode, RefusesWhatAnApiServerWouldRefuse) {
  const auto path = [](const std::string& start) {
    return ingress_with_path("{" + start + "," + kBackend + "}");
  };
  const auto backend = [](const std::string& text) {
    return ingress_with_path(R"({"path":"/","pathType":"Prefix","backend":)" + text + "}");
  };
  const auto host = [](const std::string& name) {
    return ingress_with(R"({"rules":[{"host":)" + name + "}]}");
  };
  const std::string at_path = "spec.rules[0].http.paths[0]";
  const struct {
    std::string json;
    std::string field;
  } cases[] = {
      {ingress_with("{}"), "spec"},
      {R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":[]})", "spec"},
      {ingress_with(std::string(R"({"rules":{},"defaultBackend":)") +
                    R"({"service":{"name":"web","port":{"number":80}}}})"),
       "spec.rules"},
      {ingress_with(R"({"rules":["x"]})"), "spec.rules[0]"},
      {host(R"("UPPER.example")"), "spec.rules[0].host"},
      {host(R"("shop.example:80")"), "spec.rules[0].host"},
      {host(R"("10.0.0.1")"), "spec.rules[0].host"},
      {host(R"("*shop.example")"), "spec.rules[0].host"},
      {host(R"("a.*.example")"), "spec.rules[0].host"},
      {host(R"("shop_.example")"), "spec.rules[0].host"},
      {host("123"), "spec.rules[0].host"},
      {ingress_with(R"({"rules":[{"http":{"paths":[]}}]})"), "spec.rules[0].http.paths"},
      {path(R"("path":"a","pathType":"Prefix")"), at_path + ".path"},
      {path(R"("pathType":"Exact")"), at_path + ".path"},
      {path(R"("path":"/a//b","pathType":"Prefix")"), at_path + ".path"},
      {path(R"("path":"/a/..","pathType":"Exact")"), at_path + ".path"},
      {path(R"("path":"a.*","pathType":"ImplementationSpecific")"), at_path + ".path"},
      {path(R"("path":"/","pathType":"Regex")"), at_path + ".pathType"},
      {backend("{}"), at_path + ".backend"},
      {backend("null"), at_path + ".backend"},
      {backend(R"({"service":{"name":"web"}})"), at_path + ".backend.service.port"},
      {backend(R"({"service":{"name":"web","port":{"name":"http","number":80}}})"),
       at_path + ".backend.service.port"},
      {backend(R"({"service":{"name":"web","port":{"number":0}}})"),
       at_path + ".backend.service.port.number"},
      {backend(R"({"service":{"name":"web","port":{"number":65536}}})"),
       at_path + ".backend.service.port.number"},
      {backend(R"({"service":{"name":"web","port":{"number":"80"}}})"),
       at_path + ".backend.service.port.number"},
      {backend(R"({"service":{"name":"web","port":{"number":80.5}}})"),
       at_path + ".backend.service.port.number"},
      {backend(R"({"service":{"name":"web","port":{"number":18446744073709551615}}})"),
       at_path + ".backend.service.port.number"},
      {backend(R"({"service":{"port":{"number":80}}})"), at_path + ".backend.service.name"},
      {ingress_with(R"({"rules":[{}],"tls":[{"hosts":["-"]}]})"), "spec.tls[0].hosts[0]"},
      {R"({"apiVersion":"networking.k8s.io/v1beta1","kind":"Ingress","metadata":{"name":"a"}})",
       "apiVersion"},
      {R"({"kind":"Service","metadata":{"name":"a"}})", "apiVersion"},
      {R"({"apiVersion":"v1","kind":"ConfigMap"})", "metadata.name"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a b"}})", "metadata.name"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":7}})", "metadata.name"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","creationTimestamp":"now"}})",
       "metadata.creationTimestamp"},
      {R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"ssl.x":true}})",
       "data[ssl.x]"},
      {R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"tls.crt":"*"}})",
       "data[tls.crt]"},
      {R"({"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"type":"kubernetes.io/tls",
          "data":{"tls.crt":""}})",
       "data[tls.key]"},
      {R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{}]}})",
       "spec.ports[0].port"},
      {R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},
          "spec":{"ports":[{"port":1},{"port":2}]}})",
       "spec.ports"},
      {R"({"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"type":"ExternalName"}})",
       "spec.externalName"},
      {R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":"a"},
          "addressType":"IPv4","endpoints":[{"addresses":["::1"]}]})",
       "endpoints[0].addresses[0]"},
  };
  for (const auto& c : cases) EXPECT_THAT(refused(c.json), ElementsAre(c.field)) << c.json;
}

TEST(Decode, ReportsEveryProblemOfAnObject) {
  EXPECT_THAT(refused(ingress_with(R"({"rules":[{"host":"A"},{"host":"ok"},{"host":"B"}]})")),
              ElementsAre("spec.rules[0].host", "spec.rules[2].host"));
}

TEST(Decode, AnApiServersObjectsAreOnlyCheckedForTheirShape) {
  // Stored under older rules, which the API server goes on to honour.
  const auto decoded = decode_object(Kind::Ingress, ingress_with_path(R"({"path":"a//b",
      "pathType":"Prefix","backend":{"service":{"name":"web","port":{"number":80}}}})"));
  EXPECT_EQ(good<Ingress>(decoded).rules[0].paths[0].path, "a//b");
  const auto wrong = decode_object(Kind::Ingress, ingress_with(R"({"rules":7})"));
  EXPECT_THAT(wrong.problems, SizeIs(1));
  EXPECT_EQ(wrong.ref, (ObjectRef{Kind::Ingress, "default", "shop"}));
}

TEST(Decode, ToleratesWhatANewerServerMayAdd) {
  const auto service = good<Service>(decode_object(Kind::Service, R"({"metadata":{"name":"a",
    "namespace":"b","new":{}},"spec":{"type":"Newish","ports":null,"fancy":[[]]},"extra":1})"));
  EXPECT_EQ(service.type, "Newish");
}

TEST(Decode, PassesOverKindsThatAreNotRead) {
  for (const char* json :
       {R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"}})",
        R"({"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"a"}})",
        R"({"replicas":3})"}) {
    const auto decoded = decode_manifest(json);
    ASSERT_TRUE(decoded) << json;
    EXPECT_FALSE(*decoded) << json;
  }
}

TEST(Decode, SyntaxErrorsSayWhereButNotWhat) {
  const auto decoded = decode_manifest("{\n\"data\": {\"tls.key\": \"hunter2\n");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().detail.find("hunter2"), std::string::npos);
  EXPECT_NE(decoded.error().detail.find("line 3"), std::string::npos) << decoded.error().detail;
  EXPECT_THAT(decode_object(Kind::Secret, "[]").problems, SizeIs(1));
  EXPECT_THAT(decode_object(Kind::Secret, "").problems, SizeIs(1));
}

TEST(Decode, RefusesTextThatIsNotUtf8) {
  const auto decoded = decode_object(
      Kind::ConfigMap, "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"\xff\xfe\"}}");
  ASSERT_THAT(decoded.problems, SizeIs(1));
  EXPECT_NE(decoded.problems[0].message.find("UTF-8"), std::string::npos);
}

TEST(Decode, SurvivesDeepNestingAndLargeObjects) {
  const std::string deep(1'000'000, '[');
  EXPECT_FALSE(decode_manifest(R"({"spec":)" + deep + std::string(1'000'000, ']') + "}"));
  EXPECT_FALSE(decode_manifest(R"({"spec":)" + deep));
  const std::string large(1'500'000, 'x');
  const auto config = manifest<ConfigMap>(
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":")" + large +
      "\"}}");
  EXPECT_EQ(config.data.at("k").size(), large.size());
}

TEST(Decode, ReadsTimesWithFractionsAndOffsets) {
  const auto time = [](const std::string& text) {
    return manifest<ConfigMap>(
               R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","creationTimestamp":")" +
               text + "\"}}")
        .meta.creation_timestamp;
  };
  EXPECT_EQ(time("1970-01-01T00:00:01Z"), 1);
  EXPECT_EQ(time("1970-01-01T01:00:01.5+01:00"), 1);
  EXPECT_EQ(time("2024-02-29T00:00:00Z"), 1709164800);
}

TEST(DecodeWatch, TellsTheTypesOfEvents) {
  const auto read = [](std::string_view line) {
    auto event = decode_watch_event(Kind::Service, line);
    return event ? std::move(*event) : WatchEvent(WatchUnknown{});
  };
  const auto added = read(
      R"({"type":"ADDED","object":{"metadata":{"name":"a","namespace":"b","resourceVersion":"x7",
          "annotations":{"drop":"1","weir.dev/keep":"2"},"managedFields":[{}]}}})");
  const auto& change = std::get<WatchChange>(added);
  EXPECT_FALSE(change.deleted);
  EXPECT_EQ(change.decoded.resource_version, "x7");
  EXPECT_THAT(good<Service>(change.decoded).meta.annotations,
              ElementsAre(Pair("weir.dev/keep", "2")));
  EXPECT_TRUE(
      std::get<WatchChange>(read(R"({"type":"DELETED","object":{"metadata":{"name":"a"}}})"))
          .deleted);
  EXPECT_EQ(std::get<WatchBookmark>(
                read(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})"))
                .resource_version,
            "9");
  EXPECT_EQ(std::get<WatchFailure>(
                read(R"({"type":"ERROR","object":{"kind":"Status","code":410,"message":"old"}})"))
                .code,
            410);
  EXPECT_TRUE(std::holds_alternative<WatchUnknown>(read(R"({"type":"NEW","object":{}})")));
  EXPECT_FALSE(decode_watch_event(Kind::Service, "{}"));
  EXPECT_FALSE(decode_watch_event(Kind::Service, R"({"type":"ADDED","object":7})"));
}

TEST(DecodeWatch, ABrokenObjectStillHasANameAndAVersion) {
  const auto event = decode_watch_event(
      Kind::Secret, R"({"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"b",
        "resourceVersion":"8"},"data":{"tls.crt":"%%","other":"%%"}}})");
  ASSERT_TRUE(event);
  const auto& decoded = std::get<WatchChange>(*event).decoded;
  EXPECT_EQ(decoded.ref, (ObjectRef{Kind::Secret, "b", "a"}));
  EXPECT_EQ(decoded.resource_version, "8");
  ASSERT_THAT(decoded.problems, SizeIs(1));
  EXPECT_EQ(decoded.problems[0].field, "data[tls.crt]");
}

TEST(DecodePolicy, TakesFieldsByTheirPath) {
  const auto policy = manifest<Policy>(R"({"apiVersion":"weir.dev/v1alpha1","kind":"TunnelPolicy",
      "metadata":{"name":"chat","generation":3},
      "spec":{"targetRefs":[{"group":"","kind":"Service","name":"chat","sectionName":"ws"},
                            {"group":"networking.k8s.io","kind":"Ingress","name":"web"}],
              "websocket":false,"timeouts":{"idle":"1h"},"limits":{"tunnels":7},
              "upgradeProtocols":["a","b"],"drain":null},
      "status":{"ancestors":[{"ancestorRef":{"group":"","kind":"Service","name":"chat"},
        "controllerName":"weir.dev/ingress",
        "conditions":[{"type":"Accepted","status":"True","reason":"Accepted","message":"m",
                       "observedGeneration":2,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}]}})");
  EXPECT_EQ(policy.generation, 3);
  EXPECT_THAT(policy.targets, ElementsAre(PolicyTarget{Kind::Service, "chat", "ws"},
                                          PolicyTarget{Kind::Ingress, "web", ""}));
  EXPECT_THAT(policy.fields, ElementsAre(Pair("limits.tunnels", ElementsAre("7")),
                                         Pair("timeouts.idle", ElementsAre("1h")),
                                         Pair("upgradeProtocols", ElementsAre("a", "b")),
                                         Pair("websocket", ElementsAre("false"))));
  ASSERT_THAT(policy.ancestors, SizeIs(1));
  EXPECT_EQ(policy.ancestors[0].target, (PolicyTarget{Kind::Service, "chat", ""}));
  EXPECT_EQ(policy.ancestors[0].conditions[0],
            (Condition{"Accepted", true, "Accepted", "m", 2, "2026-01-01T00:00:00Z"}));
}

TEST(DecodePolicy, RefusesTargetsThatCannotBe) {
  const auto with = [](const std::string& kind, const std::string& targets) {
    return refused(R"({"apiVersion":"weir.dev/v1alpha1","kind":")" + kind +
                   R"(","metadata":{"name":"p"},"spec":{"targetRefs":)" + targets + "}}");
  };
  EXPECT_THAT(with("TunnelPolicy", "[]"), ElementsAre("spec.targetRefs"));
  EXPECT_THAT(with("TunnelPolicy", R"([{"group":"x","kind":"Service","name":"a"}])"),
              ElementsAre("spec.targetRefs[0]"));
  EXPECT_THAT(with("TunnelPolicy", R"([{"kind":"Service"}])"),
              ElementsAre("spec.targetRefs[0].name"));
  EXPECT_THAT(
      with("BackendPolicy", R"([{"group":"networking.k8s.io","kind":"Ingress","name":"a"}])"),
      ElementsAre("spec.targetRefs[0]"));
}

TEST(DecodePolicy, WhatIsNestedDeeplyIsRefused) {
  std::string spec = "1";
  for (int i = 0; i < 20; ++i) spec = "{\"a\":" + spec + '}';
  EXPECT_THAT(refused(R"({"apiVersion":"weir.dev/v1alpha1","kind":"WeirConfig",)"
                      R"("metadata":{"name":"c"},"spec":)" +
                      spec + '}'),
              ElementsAre("spec.a.a.a.a"));
}

TEST(DecodeIngressClass, HasParameters) {
  const auto object = manifest<IngressClass>(
      R"({"apiVersion":"networking.k8s.io/v1","kind":"IngressClass","metadata":{"name":"c"},
      "spec":{"controller":"weir.dev/ingress","parameters":{"apiGroup":"weir.dev",
      "kind":"WeirConfig","name":"public","scope":"Namespace","namespace":"weir"}}})");
  EXPECT_EQ(object.parameters, (ClassParameters{"weir.dev", "WeirConfig", "public", "weir"}));
}

}  // namespace
}  // namespace weir::kube
