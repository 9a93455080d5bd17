#include "ingress/translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingress/objects.h"
#include "support/test_ca.h"

namespace weir::ingress {
namespace {

using test::ingress;
using test::rule;
using test::to;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> keys(const Changes& changes) {
  std::vector<std::string> texts;
  for (const auto& resource : changes.upserts) {
    texts.push_back(table::to_string(table::key_of(resource)));
  }
  for (const auto& key : changes.removes) texts.push_back("no " + table::to_string(key));
  return texts;
}

class TranslatorTest : public testing::Test {
 protected:
  template <class... Objects>
  std::vector<std::string> put(Objects... objects) {
    kube::SourceEvents events;
    (events.upserts.push_back(std::move(objects)), ...);
    last_ = translator_.apply(std::move(events));
    return keys(last_);
  }
  std::vector<std::string> remove(kube::Kind kind, const std::string& name) {
    kube::SourceEvents events;
    events.removes.push_back({kind, "default", name});
    last_ = translator_.apply(std::move(events));
    return keys(last_);
  }

  Translator translator_{Options{}};
  Changes last_;
};

TEST_F(TranslatorTest, FirstUpdateGivesTheSettingsOnly) {
  EXPECT_THAT(put(), ElementsAre("settings"));
  EXPECT_THAT(put(), IsEmpty());
}

kube::Ingress canary(std::string name, kube::IngressRule rule, const std::string& weight) {
  auto made = ingress(std::move(name), {std::move(rule)});
  made.meta.annotations["nginx.ingress.kubernetes.io/canary"] = "true";
  made.meta.annotations["nginx.ingress.kubernetes.io/canary-weight"] = weight;
  return made;
}

TEST_F(TranslatorTest, AWeightOfACanaryTouchesTheHostOfItsPathsOnly) {
  auto sticky = ingress("a", {rule("a.example", "/", to("shop"))});
  sticky.meta.annotations["nginx.ingress.kubernetes.io/affinity"] = "cookie";
  put(test::service("shop"), test::service("next"), sticky,
      ingress("b", {rule("b.example", "/", to("shop"))}),
      canary("c", rule("a.example", "/", to("next")), "10"));
  EXPECT_THAT(put(canary("c", rule("a.example", "/", to("next")), "20")),
              ElementsAre("host a.example"));
  EXPECT_THAT(remove(kube::Kind::Ingress, "c"),
              ElementsAre("host a.example", "no backend default/next:80"));
}

TEST_F(TranslatorTest, ACanaryFollowsTheAffinityOfItsPrimary) {
  auto primary = ingress("a", {rule("a.example", "/", to("shop"))});
  put(test::service("shop"), test::service("next"), primary,
      canary("c", rule("a.example", "/", to("next")), "10"));
  primary.meta.annotations["nginx.ingress.kubernetes.io/affinity"] = "cookie";
  EXPECT_THAT(put(primary),
              ElementsAre("backend default/next:80", "backend default/shop:80", "host a.example"));
  const auto& next = std::get<table::Backend>(last_.upserts.at(0));
  ASSERT_TRUE(next.sticky_cookie);
  EXPECT_EQ(next.sticky_cookie->salt, "default-next-80");
  primary.meta.annotations.erase("nginx.ingress.kubernetes.io/affinity");
  EXPECT_THAT(put(primary),
              ElementsAre("backend default/next:80", "backend default/shop:80", "host a.example"));
}

TEST_F(TranslatorTest, ACanaryMakesNoHostAndWaitsForItsPrimary) {
  put();
  EXPECT_THAT(put(canary("c", rule("a.example", "/", to("next")), "10")), IsEmpty());
  ASSERT_FALSE(last_.appeared.empty());
  EXPECT_EQ(last_.appeared.front().code, "CanaryWithoutPrimary");
  EXPECT_THAT(put(ingress("a", {rule("a.example", "/", to("shop"))})),
              ElementsAre("backend default/next:80", "backend default/shop:80", "host a.example"));
  EXPECT_EQ(last_.disappeared.front().code, "CanaryWithoutPrimary");
  EXPECT_THAT(
      remove(kube::Kind::Ingress, "a"),
      ElementsAre("no backend default/next:80", "no backend default/shop:80", "no host a.example"));
}

TEST_F(TranslatorTest, EndpointChangeTouchesItsBackendsOnly) {
  put(test::service("shop"), test::service("other"), test::slice("s", "shop", {"10.0.0.1"}),
      ingress("a", {rule("a.example", "/", to("shop"))}),
      ingress("b", {rule("b.example", "/", to("other"))}));

  EXPECT_THAT(put(test::slice("s", "shop", {"10.0.0.2"})), ElementsAre("backend default/shop:80"));
  EXPECT_THAT(remove(kube::Kind::EndpointSlice, "s"), ElementsAre("backend default/shop:80"));
  EXPECT_THAT(put(test::slice("u", "unused", {"10.0.0.2"})), IsEmpty());
}

TEST_F(TranslatorTest, SliceThatMovesToAnotherServiceTouchesBoth) {
  put(test::service("shop"), test::service("other"), test::slice("s", "shop", {"10.0.0.1"}),
      ingress("a", {rule("a.example", "/a", to("shop")), rule("a.example", "/b", to("other"))}));

  EXPECT_THAT(put(test::slice("s", "other", {"10.0.0.1"})),
              ElementsAre("backend default/other:80", "backend default/shop:80"));
}

TEST_F(TranslatorTest, UsersFollowTheirSecretAndNothingElseDoes) {
  kube::Secret secret;
  secret.meta = test::meta("users");
  secret.data["auth"] = "alice:{PLAIN}a";
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  object.meta.annotations["nginx.ingress.kubernetes.io/auth-type"] = "basic";
  object.meta.annotations["nginx.ingress.kubernetes.io/auth-secret"] = "users";
  put(test::service("shop"), object);
  EXPECT_EQ(last_.appeared.back().code, "SecretNotFound");
  EXPECT_THAT(put(secret), ElementsAre("users default/users"));
  EXPECT_EQ(last_.disappeared.back().code, "SecretNotFound");
  secret.data["auth"] = "alice:{PLAIN}b";
  EXPECT_THAT(put(secret), ElementsAre("users default/users"));
  secret.data["auth"] = "nobody";
  EXPECT_THAT(put(secret), ElementsAre("no users default/users"));
  EXPECT_EQ(last_.appeared.back().code, "InvalidUsers");
  secret.data["auth"] = "alice:{PLAIN}b";
  EXPECT_THAT(put(secret), ElementsAre("users default/users"));
  EXPECT_THAT(remove(kube::Kind::Secret, "users"), ElementsAre("no users default/users"));
  put(secret);
  object.meta.annotations.clear();
  object.meta.annotations["kubernetes.io/ingress.class"] = "nginx";
  put(object);
  EXPECT_THAT(keys(last_), testing::Contains("no users default/users"));
}

TEST(Headers, FollowTheirConfigMapAndTheNamesThatAreAllowed) {
  Options options;
  options.config_map = NamespacedName{"weir", "settings"};
  Translator translator(options);
  const auto put = [&](kube::Object object) {
    kube::SourceEvents events;
    events.upserts.push_back(std::move(object));
    return translator.apply(std::move(events));
  };
  const auto route_of = [](const Changes& changes) -> const table::RouteRules& {
    static const table::RouteRules none;
    for (const auto& resource : changes.upserts) {
      const auto* host = std::get_if<table::Host>(&resource);
      if (host != nullptr && host->name == "a.example") return *host->routes.front().rules;
    }
    ADD_FAILURE() << "the host has not changed";
    return none;
  };
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  object.meta.annotations["nginx.ingress.kubernetes.io/custom-headers"] = "default/headers";
  kube::ConfigMap settings;
  settings.meta = test::meta("settings", "weir");
  kube::ConfigMap headers;
  headers.meta = test::meta("headers");
  headers.data["X-A"] = "1";

  auto changes = put(object);
  EXPECT_TRUE(route_of(changes).access.closed);
  const auto is_missing = [](const kube::Problem& problem) {
    return problem.code == "HeaderMapNotFound";
  };
  EXPECT_EQ(std::ranges::count_if(changes.appeared, is_missing), 1);
  changes = put(headers);
  EXPECT_THAT(changes.upserts, IsEmpty()) << "its name is not allowed, so nothing is other";
  EXPECT_EQ(changes.appeared.back().code, "InvalidHeader");
  settings.data["global-allowed-response-headers"] = "X-A";
  changes = put(settings);
  EXPECT_FALSE(route_of(changes).access.closed);
  EXPECT_EQ(changes.disappeared.size(), 2U) << "InvalidHeader, and the missing settings";
  headers.data["X-A"] = "2";
  changes = put(headers);
  EXPECT_EQ(route_of(changes).response_fields.at(0).value.at(0).text, "2");
  headers.data["config.yaml"] = std::string(1'000'000, 'x');
  EXPECT_TRUE(route_of(put(headers)).access.closed);
  EXPECT_EQ(translator.objects().find_config_map({"default", "headers"})->data.at("config.yaml"),
            "");
  kube::SourceEvents gone;
  gone.removes.push_back({kube::Kind::ConfigMap, "default", "headers"});
  changes = translator.apply(std::move(gone));
  EXPECT_EQ(changes.appeared.back().code, "HeaderMapNotFound");
}

TEST_F(TranslatorTest, SameObjectAgainChangesNothing) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  put(object);
  object.meta.resource_version = "another";
  EXPECT_THAT(put(object), IsEmpty());
}

TEST_F(TranslatorTest, StatusOfAnIngressIsKnownAndChangesNothing) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  put(object);
  EXPECT_TRUE(translator_.serves({"default", "a"}));
  object.meta.resource_version = "another";
  object.addresses = {{"192.0.2.1", ""}};
  EXPECT_THAT(put(object), IsEmpty());
  EXPECT_EQ(*translator_.objects().find_ingress({"default", "a"}), object);
  remove(kube::Kind::Ingress, "a");
  EXPECT_FALSE(translator_.serves({"default", "a"}));
}

TEST_F(TranslatorTest, IngressThatMovesToAnotherHost) {
  put(ingress("a", {rule("a.example", "/", to("shop"))}));

  EXPECT_THAT(put(ingress("a", {rule("b.example", "/", to("other"))})),
              ElementsAre("backend default/other:80", "host b.example",
                          "no backend default/shop:80", "no host a.example"));
  EXPECT_THAT(remove(kube::Kind::Ingress, "a"),
              ElementsAre("no backend default/other:80", "no host b.example"));
}

TEST_F(TranslatorTest, RenewedCertificateTouchesNoHost) {
  const std::vector<kube::IngressTls> tls = {{{"a.example"}, "tls"}};
  EXPECT_THAT(put(ingress("a", {rule("a.example", "/", to("shop"))}, tls),
                  test::secret("tls", test::make_pair({"a.example"}))),
              ElementsAre("settings", "certificate default/tls", "backend default/shop:80",
                          "host a.example"));

  EXPECT_THAT(put(test::secret("tls", test::make_pair({"a.example"}, "test", 2))),
              ElementsAre("certificate default/tls"));
  EXPECT_THAT(put(test::secret("tls", test::make_pair({"b.example"}))),
              ElementsAre("host a.example", "no certificate default/tls"));
  EXPECT_EQ(last_.appeared.at(0).code, "CertificateHostMismatch");
  EXPECT_THAT(put(test::secret("tls", test::make_pair({"a.example"}))),
              ElementsAre("certificate default/tls", "host a.example"));
  EXPECT_EQ(last_.disappeared.at(0).code, "CertificateHostMismatch");
  EXPECT_THAT(remove(kube::Kind::Secret, "tls"),
              ElementsAre("host a.example", "no certificate default/tls"));
}

TEST_F(TranslatorTest, WildcardHostTakesItsExactHostsAlong) {
  const auto& pair = test::make_pair({"*.a.example"});
  put(ingress("exact", {rule("eu.a.example", "/", to("shop"))}),
      ingress("deep", {rule("x.eu.a.example", "/", to("shop"))}), test::secret("tls", pair));

  EXPECT_THAT(
      put(ingress("wild", {rule("*.a.example", "/", to("shop"))}, {{{"*.a.example"}, "tls"}})),
      ElementsAre("certificate default/tls", "host *.a.example", "host eu.a.example"));
  EXPECT_THAT(
      remove(kube::Kind::Ingress, "wild"),
      ElementsAre("host eu.a.example", "no certificate default/tls", "no host *.a.example"));
}

TEST_F(TranslatorTest, ClassThatComesLaterPullsItsIngressesIn) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  object.ingress_class_name = "weir";
  EXPECT_THAT(put(object), ElementsAre("settings"));

  kube::IngressClass ours;
  ours.meta.name = "weir";
  ours.controller = "weir.dev/ingress";
  EXPECT_THAT(put(ours), ElementsAre("backend default/shop:80", "host a.example"));
  ours.controller = "example.com/other";
  EXPECT_THAT(put(ours), ElementsAre("no backend default/shop:80", "no host a.example"));
  EXPECT_THAT(last_.disappeared.at(0).code, "ServiceNotFound");
}

TEST_F(TranslatorTest, ProblemsComeAndGoOnce) {
  put(ingress("a", {rule("a.example", "/", to("shop"))}));
  ASSERT_EQ(last_.appeared.size(), 1U);
  EXPECT_EQ(last_.appeared[0].code, "ServiceNotFound");

  put(test::slice("s", "shop", {"10.0.0.1"}));
  EXPECT_THAT(last_.appeared, IsEmpty());
  put(test::service("shop", 81));
  EXPECT_EQ(last_.appeared.at(0).code, "ServicePortNotFound");
  EXPECT_EQ(last_.disappeared.at(0).code, "ServiceNotFound");
  put(test::service("shop"));
  EXPECT_THAT(last_.appeared, IsEmpty());
  EXPECT_EQ(last_.disappeared.at(0).code, "ServicePortNotFound");
}

TEST_F(TranslatorTest, DecodingProblemsArePassedOnUntilTheObjectIsNamedWithoutOne) {
  const kube::ObjectRef ref{kube::Kind::Ingress, "default", "a"};
  const kube::Problem problem{"InvalidObject", ref, "spec", "no"};
  kube::SourceEvents events;
  events.problems = {problem};
  EXPECT_THAT(translator_.apply(events).appeared, ElementsAre(problem));
  EXPECT_THAT(translator_.apply(events).appeared, IsEmpty());

  put(ingress("a", {}));
  EXPECT_THAT(last_.disappeared, ElementsAre(problem));
}

TEST_F(TranslatorTest, HostilePartsOfAnIngressAreReportedAndTheRestServed) {
  auto object = ingress(
      "a", {rule("A.Example", "/", to("shop")), rule("*.*.x", "/", to("shop")),
            rule("b.example", "relative", to("shop")), rule("b.example", "/fine", to("shop")),
            rule("c.example", "/", kube::IngressBackend{})});

  EXPECT_THAT(put(object, test::service("shop")),
              ElementsAre("settings", "backend default/shop:80", "host a.example", "host b.example",
                          "host c.example"));
  std::vector<std::string> codes;
  for (const auto& problem : last_.appeared)
    codes.push_back(problem.code.data() + (" " + problem.field));
  EXPECT_THAT(
      codes,
      ElementsAre("InvalidHost spec.rules[1].host", "InvalidPath spec.rules[2].http.paths[0].path",
                  "UnsupportedBackend spec.rules[4].http.paths[0].backend.service.name"));
}

TEST_F(TranslatorTest, AddressThatIsNoneIsReportedOnItsSlice) {
  put(test::service("shop"), test::slice("s", "shop", {"10.0.0.1", "not-an-ip"}),
      ingress("a", {rule("a.example", "/", to("shop"))}));

  ASSERT_EQ(last_.appeared.size(), 1U);
  EXPECT_EQ(kube::to_string(last_.appeared[0].object), "EndpointSlice default/s");
  EXPECT_EQ(last_.appeared[0].field, "endpoints[1].addresses[0]");
  remove(kube::Kind::Ingress, "a");
  EXPECT_EQ(last_.disappeared.size(), 1U);
}

TEST(Translator, DefaultBackendOfTheFlagComesAndGoesWithItsEndpoints) {
  Options options;
  options.default_backend = NamespacedName{"default", "fallback"};
  Translator translator(options);
  const auto put = [&](kube::Object object) {
    kube::SourceEvents events;
    events.upserts.push_back(std::move(object));
    return keys(translator.apply(std::move(events)));
  };
  put(test::service("fallback"));
  put(ingress("a", {rule("a.example", "/a", to("shop"))}));
  put(ingress("b", {rule("b.example", "/", to("shop"))}));

  EXPECT_THAT(put(test::slice("f", "fallback", {"10.0.0.1"})),
              ElementsAre("backend default/fallback", "host (every other name)", "host a.example"));
  EXPECT_THAT(put(test::slice("f", "fallback", {"10.0.0.2"})),
              ElementsAre("backend default/fallback"));
  EXPECT_THAT(
      put(test::slice("f", "fallback", {})),
      ElementsAre("host a.example", "no backend default/fallback", "no host (every other name)"));
}

TEST(Translator, TheConfigMapAndTheTicketSecretCountFromTheirChangeOn) {
  Options options;
  options.config_map = NamespacedName{"default", "settings"};
  options.ticket_secret = NamespacedName{"default", "tickets"};
  Translator translator(options);
  Changes last;
  const auto take = [&](kube::SourceEvents events) {
    last = translator.apply(std::move(events));
    return keys(last);
  };
  const auto put = [&](kube::Object object) {
    kube::SourceEvents events;
    events.upserts.push_back(std::move(object));
    return take(std::move(events));
  };
  const auto remove = [&](kube::Kind kind, const std::string& name) {
    kube::SourceEvents events;
    events.removes.push_back({kind, "default", name});
    return take(std::move(events));
  };
  EXPECT_THAT(take({}), ElementsAre("settings"));

  kube::ConfigMap settings;
  settings.meta.ns = "default";
  settings.meta.name = "settings";
  settings.data = {{"ssl-session-tickets", "false"}};
  EXPECT_THAT(put(settings), ElementsAre("settings"));
  EXPECT_FALSE(std::get<table::Settings>(last.upserts[0]).tls.session_tickets);
  auto other = settings;
  other.meta.name = "other";
  other.data["hsts"] = "false";
  EXPECT_THAT(put(other), IsEmpty()) << "nobody reads it";
  settings.data["ssl-session-tickets"] = "perhaps";
  EXPECT_THAT(put(settings), ElementsAre("settings"));
  EXPECT_EQ(last.appeared.size(), 1U);
  EXPECT_THAT(remove(kube::Kind::ConfigMap, "settings"), IsEmpty()) << "all was as by default";
  EXPECT_EQ(last.disappeared.size(), 1U);

  kube::Secret tickets;
  tickets.meta.ns = "default";
  tickets.meta.name = "tickets";
  tickets.data = {{"session-ticket-key", std::string(32, 'x')}};
  EXPECT_THAT(put(tickets), ElementsAre("ticket seed"));
  EXPECT_EQ(std::get<table::TicketSeed>(last.upserts[0]).bytes, std::string(32, 'x'));
  EXPECT_THAT(take({}), IsEmpty());
  tickets.data["session-ticket-key"] = std::string(32, 'y');
  EXPECT_THAT(put(tickets), ElementsAre("ticket seed"));
  EXPECT_THAT(remove(kube::Kind::Secret, "tickets"), ElementsAre("no ticket seed"));
}

TEST_F(TranslatorTest, AnnotationsOfOneIngressTouchItsHostsOnly) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  put(object, ingress("b", {rule("b.example", "/", to("shop"))}), test::service("shop"));

  object.meta.annotations["weir.dev/tunnel-limit"] = "5";
  EXPECT_THAT(put(object), ElementsAre("host a.example"));
  object.meta.annotations["weir.dev/tunnel-limit"] = "0";
  EXPECT_THAT(put(object), ElementsAre("host a.example"));
  object.meta.annotations["weir.dev/tunnel-limit"] = "none";
  EXPECT_THAT(put(object), IsEmpty()) << "it is as by default";
  EXPECT_EQ(last_.appeared.at(0).code, "InvalidAnnotation");
  object.meta.annotations["weir.dev/tunnel-limit"] = "5";
  put(object);
  EXPECT_EQ(last_.disappeared.at(0).code, "InvalidAnnotation");
  object.meta.annotations["weir.dev/no"] = "5";
  put(object);
  EXPECT_EQ(last_.appeared.at(0).code, "UnknownAnnotation");
  remove(kube::Kind::Ingress, "a");
  EXPECT_EQ(last_.disappeared.at(0).code, "UnknownAnnotation");
}

TEST_F(TranslatorTest, OcspResponseIsOfTheCertificateAlone) {
  const test::TestCa authority;
  const auto pair = authority.issue("DNS:a.example");
  auto secret = test::secret("tls", {pair.certificate, pair.key});
  put(ingress("a", {rule("a.example", "/", to("shop"))}, {{{"a.example"}, "tls"}}),
      test::service("shop"), secret);

  secret.data["tls.ocsp-staple"] = authority.ocsp_response(pair, 3600);
  EXPECT_THAT(put(secret), ElementsAre("certificate default/tls"));
  EXPECT_THAT(last_.appeared, IsEmpty());
  secret.data["tls.ocsp-staple"] = "rubbish";
  EXPECT_THAT(put(secret), ElementsAre("certificate default/tls"));
  ASSERT_EQ(last_.appeared.size(), 1U);
  EXPECT_EQ(last_.appeared[0].code, "InvalidOcspResponse");
  EXPECT_EQ(last_.appeared[0].object.kind, kube::Kind::Ingress);
  secret.data.erase("tls.ocsp-staple");
  put(secret);
  ASSERT_EQ(last_.disappeared.size(), 1U);
}

TEST_F(TranslatorTest, ASecretWithAnotherTypeOfKeyChangesTheHostsThatNameIt) {
  auto second = test::secret("second", test::make_pair({"a.example"}, "test", 2));
  put(ingress("a", {rule("a.example", "/", to("shop"))},
              {{{"a.example"}, "first"}, {{"a.example"}, "second"}}),
      test::service("shop"), test::secret("first", test::make_pair({"a.example"})), second);

  second = test::secret("second", test::make_rsa_pair({"a.example"}));
  EXPECT_THAT(put(second), ElementsAre("certificate default/second", "host a.example"));
  EXPECT_THAT(remove(kube::Kind::Secret, "second"),
              ElementsAre("host a.example", "no certificate default/second"));
}

TEST_F(TranslatorTest, AuthoritiesOfClientsComeAndGoWithTheirSecret) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  object.meta.annotations["nginx.ingress.kubernetes.io/auth-tls-secret"] = "default/ca";
  put(object, test::service("shop"));
  ASSERT_EQ(last_.appeared.size(), 1U);
  EXPECT_EQ(last_.appeared[0].code, "SecretNotFound");

  kube::Secret secret;
  secret.meta = test::meta("ca");
  secret.data["ca.crt"] = test::make_pair({"ca.example"}).certificate_pem;
  EXPECT_THAT(put(secret), ElementsAre("trust bundle default/ca"));
  EXPECT_EQ(last_.disappeared.at(0).code, "SecretNotFound");
  secret.data["ca.crt"] = test::make_pair({"other.example"}).certificate_pem;
  EXPECT_THAT(put(secret), ElementsAre("trust bundle default/ca"));
  secret.data["ca.crt"] = "rubbish";
  EXPECT_THAT(put(secret), ElementsAre("no trust bundle default/ca"));
  EXPECT_EQ(last_.appeared.at(0).code, "InvalidTrust");
  secret.data["ca.crt"] = test::make_pair({"ca.example"}).certificate_pem;
  secret.data["ca.crl"] = "rubbish";
  EXPECT_THAT(put(secret), IsEmpty());
  secret.data.erase("ca.crl");
  put(secret);
  EXPECT_THAT(
      remove(kube::Kind::Ingress, "a"),
      ElementsAre("no backend default/shop:80", "no host a.example", "no trust bundle default/ca"));
}

TEST_F(TranslatorTest, OneCertificateTowardsServicesAndItsAuthoritiesFollowTheirSecret) {
  auto object = ingress("a", {rule("a.example", "/", to("shop"))});
  object.meta.annotations = {{"kubernetes.io/ingress.class", "nginx"},
                             {"nginx.ingress.kubernetes.io/backend-protocol", "HTTPS"},
                             {"nginx.ingress.kubernetes.io/proxy-ssl-secret", "default/pair"},
                             {"nginx.ingress.kubernetes.io/proxy-ssl-verify", "on"}};
  auto secret = test::secret("pair", test::make_pair({"client.example"}));
  secret.data["ca.crt"] = test::make_pair({"ca.example"}).certificate_pem;
  put(object, test::service("shop"));

  EXPECT_THAT(put(secret), ElementsAre("certificate default/pair", "trust bundle default/pair"))
      << "the host named them already";
  secret.data["ca.crt"] = test::make_pair({"other.example"}).certificate_pem;
  EXPECT_THAT(put(secret), ElementsAre("trust bundle default/pair"));
  secret.data.erase("tls.crt");
  secret.data.erase("tls.key");
  EXPECT_THAT(put(secret), ElementsAre("host a.example", "no certificate default/pair"))
      << "there is none to be shown";
  EXPECT_THAT(remove(kube::Kind::Secret, "pair"),
              ElementsAre("host a.example", "no trust bundle default/pair"));
}

TEST_F(TranslatorTest, BalancingOfABackendFollowsTheOldestIngressThatNamesIt) {
  auto old = ingress("old", {rule("a.example", "/", to("shop"))}, {}, 1);
  auto young = ingress("young", {rule("b.example", "/", to("shop"))}, {}, 2);
  young.meta.annotations["nginx.ingress.kubernetes.io/load-balance"] = "round_robin";
  put(old, young, test::service("shop"));
  const auto algorithm = [&] {
    return std::get<table::Backend>(last_.upserts.at(0)).balancing.algorithm;
  };

  EXPECT_THAT(remove(kube::Kind::Ingress, "old"),
              ElementsAre("backend default/shop:80", "no host a.example"));
  EXPECT_EQ(algorithm(), table::Balancing::Algorithm::RoundRobin);
  EXPECT_THAT(put(old), ElementsAre("backend default/shop:80", "host a.example"));
  EXPECT_EQ(algorithm(), table::Balancing::Algorithm::TwoChoices);
  EXPECT_THAT(remove(kube::Kind::Ingress, "young"), ElementsAre("no host b.example"));
}

TEST(Translator, DefaultsOfTheConfigMapTouchOnlyWhatHasNoWordOfItsOwn) {
  Options options;
  options.config_map = NamespacedName{"default", "settings"};
  Translator translator(options);
  const auto put = [&](kube::Object object) {
    kube::SourceEvents events;
    events.upserts.push_back(std::move(object));
    return keys(translator.apply(std::move(events)));
  };
  auto own = ingress("a", {rule("a.example", "/", to("shop"))});
  own.meta.annotations["weir.dev/tunnel-limit"] = "5";
  put(own);
  put(ingress("b", {rule("b.example", "/", to("shop"))}));

  kube::ConfigMap settings;
  settings.meta = test::meta("settings");
  settings.data = {{"tunnel-limit", "7"}};
  EXPECT_THAT(put(settings), ElementsAre("host b.example"));
  settings.data["hsts"] = "false";
  EXPECT_THAT(put(settings), ElementsAre("settings"));
  settings.data["tunnel-limit"] = "many";
  EXPECT_THAT(put(settings), ElementsAre("host b.example"));
  kube::SourceEvents events;
  events.removes.push_back({kube::Kind::ConfigMap, "default", "settings"});
  EXPECT_THAT(keys(translator.apply(std::move(events))), ElementsAre("settings"));
}

kube::Policy policy(kube::Kind kind, std::string name, kube::PolicyTarget target,
                    const std::string& field, const std::string& value) {
  kube::Policy made;
  made.kind = kind;
  made.meta = test::meta(std::move(name));
  made.targets = {std::move(target)};
  made.fields[field] = {value};
  return made;
}

kube::Policy tunnel_policy(kube::PolicyTarget target, const std::string& limit) {
  return policy(kube::Kind::TunnelPolicy, "p", std::move(target), "limits.tunnels", limit);
}

TEST_F(TranslatorTest, APolicyOfAnIngressTouchesItsHostsOnly) {
  put(ingress("a", {rule("a.example", "/", to("shop")), rule("aa.example", "/", to("shop"))}),
      ingress("b", {rule("b.example", "/", to("shop"))}), test::service("shop"));
  EXPECT_THAT(put(tunnel_policy({kube::Kind::Ingress, "a", ""}, "1")),
              ElementsAre("host a.example", "host aa.example"));
  EXPECT_THAT(put(tunnel_policy({kube::Kind::Ingress, "a", "a.example"}, "1")),
              ElementsAre("host aa.example"));
  EXPECT_THAT(put(tunnel_policy({kube::Kind::Ingress, "a", "a.example"}, "2")),
              ElementsAre("host a.example"));
  EXPECT_THAT(remove(kube::Kind::TunnelPolicy, "p"), ElementsAre("host a.example"));
}

TEST_F(TranslatorTest, APolicyOfAServiceTouchesTheHostsThatNameIt) {
  put(ingress("a", {rule("a.example", "/", to("shop"))}),
      ingress("b", {rule("b.example", "/", to("other"))}), test::service("shop"),
      test::service("other"));
  EXPECT_THAT(put(tunnel_policy({kube::Kind::Service, "shop", ""}, "1")),
              ElementsAre("host a.example"));
  EXPECT_THAT(put(policy(kube::Kind::BackendPolicy, "q", {kube::Kind::Service, "other", ""},
                         "limits.requestsPerEndpoint", "5")),
              ElementsAre("backend default/other:80"));
  EXPECT_THAT(put(tunnel_policy({kube::Kind::Service, "shop", ""}, "1")), IsEmpty());
  EXPECT_THAT(remove(kube::Kind::TunnelPolicy, "p"), ElementsAre("host a.example"));
  EXPECT_THAT(remove(kube::Kind::BackendPolicy, "q"), ElementsAre("backend default/other:80"));
}

TEST_F(TranslatorTest, StatusOfAPolicyChangesNothingAndIsKnown) {
  put(ingress("a", {rule("a.example", "/", to("shop"))}), test::service("shop"));
  auto written = tunnel_policy({kube::Kind::Service, "shop", ""}, "1");
  put(written);
  EXPECT_EQ(last_.judged.size(), 1U);
  written.meta.resource_version = "2";
  written.ancestors.push_back({written.targets[0], "weir.dev/ingress", {}});
  EXPECT_THAT(put(written), IsEmpty());
  EXPECT_THAT(last_.judged, IsEmpty());
  EXPECT_EQ(translator_.objects().find_policy(kube::ref_of(written))->ancestors.size(), 1U);
}

TEST_F(TranslatorTest, APolicyIsJudgedAgainWhenItsTargetComesAndGoes) {
  const auto waiting = tunnel_policy({kube::Kind::Service, "shop", ""}, "1");
  put(waiting);
  const auto reason = [&] {
    return translator_.policy_verdicts().at(kube::ref_of(waiting)).at(0).conditions.at(0).reason;
  };
  EXPECT_EQ(reason(), "TargetNotFound");
  put(test::service("shop"));
  EXPECT_EQ(reason(), "Accepted");
  remove(kube::Kind::Service, "shop");
  EXPECT_EQ(reason(), "TargetNotFound");
  remove(kube::Kind::TunnelPolicy, "p");
  EXPECT_THAT(translator_.policy_verdicts(), IsEmpty());
}

TEST(TranslatorWithoutClasses, TakesThemByNameInOneNamespace) {
  Options options;
  options.watch_namespace = "default";
  options.ingress_class = "team";
  options.ingress_class_by_name = true;
  auto ours = ingress("a", {rule("a.example", "/", to("shop"))});
  ours.meta.annotations.clear();
  ours.ingress_class_name = "team";
  auto others = ingress("b", {rule("b.example", "/", to("shop"))});
  others.ingress_class_name = "other";
  kube::SourceEvents events;
  events.upserts = {ours, others};
  Translator one_namespace(options);
  one_namespace.apply(events);
  EXPECT_TRUE(one_namespace.serves({"default", "a"}));
  EXPECT_FALSE(one_namespace.serves({"default", "b"}));
  options.watch_namespace.clear();
  Translator whole_cluster(options);
  whole_cluster.apply(std::move(events));
  EXPECT_FALSE(whole_cluster.serves({"default", "a"})) << "there is no such class";
}

}  // namespace
}  // namespace weir::ingress
