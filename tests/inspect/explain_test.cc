#include "inspect/explain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "inspect/dumps.h"
#include "support/test_ca.h"

namespace weir::inspect {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string explain_of(Input input, const Question& question) {
  const auto text = explain(std::move(input), {}, question, false);
  return text ? *text : "refused: " + text.error().detail;
}

std::string in_shop(const std::string& url) {
  return explain_of(dump("shop"), {.url = url});
}

TEST(Explain, ExactHostAndLongestPath) {
  const auto text = in_shop("https://SHOP.example:8443/a/../cart//x?y=1");
  EXPECT_THAT(text, HasSubstr("host \"shop.example\": it has exactly this name\n"));
  EXPECT_THAT(text, HasSubstr("path /cart/x: normalised, of /a/../cart//x?y=1\n"));
  EXPECT_THAT(text,
              HasSubstr("         Exact /cart of Ingress default/shop: it is another path\n"));
  EXPECT_THAT(text, HasSubstr("  taken  Prefix /cart of Ingress default/shop\n"));
  EXPECT_THAT(text, HasSubstr("Prefix / of Ingress default/shop: a longer path goes before it\n"));
  EXPECT_THAT(text, HasSubstr("backend default/cart:http\n  no endpoints: answer 503\n"));
  EXPECT_THAT(text, HasSubstr("  tunnels: {\"limit\":50}\n"));
  EXPECT_THAT(text, Not(HasSubstr("308")));
}

TEST(Explain, ExactPathGoesBeforeAPrefixAndSegmentsAreWhole) {
  EXPECT_THAT(in_shop("https://shop.example/cart"), HasSubstr("taken  Exact /cart"));
  EXPECT_THAT(in_shop("https://shop.example/cart"),
              HasSubstr("Prefix /cart of Ingress default/shop: Exact goes before Prefix"));
  EXPECT_THAT(in_shop("https://shop.example/carts"),
              HasSubstr("Prefix /cart of Ingress default/shop: it takes whole segments only"));
}

TEST(Explain, PlainRequestsAreSentToHttps) {
  const auto text = in_shop("http://shop.example/");
  EXPECT_THAT(text, HasSubstr("answer 308: to the same URL over https"));
  EXPECT_THAT(text, HasSubstr("  10.0.0.1 port 8080\n  10.0.0.2 port 8080, draining\n"));
}

TEST(Explain, WildcardsAndTheirLimits) {
  EXPECT_THAT(in_shop("http://eu.shop.example/"),
              HasSubstr("host \"*.shop.example\": no host has exactly this name"));
  EXPECT_THAT(in_shop("http://api.shop.example/"),
              HasSubstr("not \"*.shop.example\": an exact name goes before it"));
  const auto deep = in_shop("http://a.eu.shop.example/");
  EXPECT_THAT(deep, HasSubstr("not \"*.shop.example\": * stands for one label only"));
  EXPECT_THAT(deep, HasSubstr("answer 404"));
}

TEST(Explain, TheHostHeaderCountsAndTheServerNameIsTheUrls) {
  const auto text = explain_of(
      dump("shop"), {.url = "https://other.example/v1", .headers = {{"hOST", "api.shop.example"}}});
  EXPECT_THAT(text, HasSubstr("host \"api.shop.example\""));
  EXPECT_THAT(text, HasSubstr("api.internal.example port 443, resolved by DNS"));
  EXPECT_THAT(text, HasSubstr("upstream_tls: on"));
}

TEST(Explain, WhatTheProxyRefusesAndWhatNobodyServes) {
  EXPECT_THAT(in_shop("http://shop.example/%zz"), HasSubstr("answer 400"));
  EXPECT_THAT(in_shop("http://sh%op.example/"), HasSubstr("answer 400"));
  EXPECT_THAT(in_shop("http://api.shop.example/v2"), HasSubstr("answer 404"));
  EXPECT_THAT(in_shop("shop.example/"), HasSubstr("refused: must begin with http://"));
  EXPECT_THAT(in_shop("http:///x"), HasSubstr("refused: needs a host"));
}

TEST(Explain, NamesCertificateClientCertificatesAndPassthrough) {
  const test::TestCa authority;
  const auto pair = authority.issue("DNS:a.example");
  kube::Secret secret;
  secret.meta.ns = "default";
  secret.meta.name = "tls";
  secret.data = {{"tls.crt", pair.certificate}, {"tls.key", pair.key}};
  auto input = manifest(R"(
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations:
    nginx.ingress.kubernetes.io/auth-tls-secret: default/gone
spec:
  tls: [{hosts: [a.example], secretName: tls}]
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: b
  annotations: {nginx.ingress.kubernetes.io/ssl-passthrough: "true"}
spec:
  rules: [{host: b.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: b, port: {number: 80}}}}]}}]
)");
  input.add(secret);
  const auto a = explain_of(input, {.url = "https://a.example/"});
  EXPECT_THAT(a, HasSubstr("TLS: certificate default/tls\n"));
  EXPECT_THAT(a, HasSubstr("client certificates, by default/gone: clients must show"));
  EXPECT_THAT(a, HasSubstr("403 to every request"));
  const auto b = explain_of(input, {.url = "https://b.example/"});
  EXPECT_THAT(b, HasSubstr("TLS: undecrypted to default/b:80; no route is looked at"));
  EXPECT_THAT(b, Not(HasSubstr("taken")));
  EXPECT_THAT(explain_of(input, {.url = "https://c.example/"}), HasSubstr("self-signed"));
}

TEST(Explain, SaysHowACanaryIsChosen) {
  const auto text = explain_of(manifest(R"(
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations: {nginx.ingress.kubernetes.io/affinity: cookie}
spec:
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: try
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-by-header: X-Try
    nginx.ingress.kubernetes.io/canary-by-cookie: try
    nginx.ingress.kubernetes.io/canary-weight: "7"
spec:
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: b, port: {number: 80}}}}]}}]
)"),
                               {.url = "http://a.example/"});
  EXPECT_THAT(text,
              HasSubstr("canary default/b:80, while it has endpoints: by the cookie that ties "
                        "a client to it, else where header X-Try is always (never: not), "
                        "else where cookie try is always (never: not), else by weight 7 of "
                        "100\nbackend default/b:80\n  no endpoints: gets nothing\n"));
  EXPECT_THAT(text, HasSubstr("all other requests:\nbackend default/a:80\n  no endpoints: answer "
                              "503\n"));
}

TEST(Explain, OfManyRoutesThatDoNotFitShowsSome) {
  std::string text =
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec:\n  rules:\n"
      "  - host: a.example\n    http:\n      paths:\n";
  for (int i = 0; i < 50; ++i) {
    text += "      - {path: /p" + std::to_string(i) +
            ", pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}\n";
  }
  const auto said = explain_of(manifest(text), {.url = "http://a.example/p7"});
  EXPECT_THAT(said, HasSubstr("taken  Prefix /p7"));
  EXPECT_THAT(said, HasSubstr("and 29 more, which do not take the path"));
}

TEST(Explain, PathsThatAreClosed) {
  const auto text = explain_of(manifest(R"(
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations: {nginx.ingress.kubernetes.io/denylist-source-range: nobody}
spec:
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]
)"),
                               {.url = "http://a.example/"});
  EXPECT_THAT(text, HasSubstr("answer 503: what protects this path is wrong"));
  EXPECT_THAT(text, HasSubstr("note: the objects have 1 problem; weirctl lint names them"));
}

TEST(Explain, WhoAnswersInsteadOfAService) {
  const auto text = explain_of(manifest(R"(
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations:
    nginx.ingress.kubernetes.io/default-backend: errors
    nginx.ingress.kubernetes.io/custom-http-errors: "404,503"
spec:
  rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}]}}]
)"),
                               {.url = "http://a.example/"});
  EXPECT_THAT(text, HasSubstr("backend default/a:80\n  no endpoints: answer 503\n"
                              "the default backend takes over:\nbackend default/errors\n"));
  EXPECT_THAT(text, HasSubstr("answers 404, 503: default/errors answers instead\n"));
}

TEST(Explain, PatternsAndWhereRequestsAreSent) {
  const auto ask = [](const std::string& url) {
    return explain_of(manifest(R"yaml(
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: a
  annotations:
    nginx.ingress.kubernetes.io/use-regex: "true"
    nginx.ingress.kubernetes.io/app-root: /app
    nginx.ingress.kubernetes.io/from-to-www-redirect: "true"
    nginx.ingress.kubernetes.io/permanent-redirect: https://new.example
spec:
  rules:
    - host: a.example
      http:
        paths:
          - {path: "/old/(.*)", pathType: Prefix, backend: {
    service : {
    name:
      a, port : {
      number:
        80
      }
    }}}
          - {path: "/[a-z]+", pathType: Prefix, backend: {service: {name: a, port: {number: 80}}}}
)yaml"),
                      {.url = url});
  };
  EXPECT_THAT(ask("http://www.a.example/x"),
              HasSubstr("answer 308: to the same target of host \"a.example\""));
  EXPECT_THAT(ask("http://a.example/"), HasSubstr("answer 302: to /app, the root of the app"));
  const auto old = ask("http://a.example/OLD/1");
  EXPECT_THAT(old, HasSubstr("  taken  pattern /old/(.*) of Ingress default/a\n"));
  EXPECT_THAT(old, HasSubstr("pattern /[a-z]+ of Ingress default/a: another one is tried before"));
  EXPECT_THAT(old, HasSubstr("answer 301: to https://new.example\n"));
  EXPECT_THAT(ask("http://a.example/x"),
              HasSubstr("pattern /old/(.*) of Ingress default/a: it does not match\n"));
}

TEST(Explain, HandshakesOfTunnels) {
  const Question websocket{.url = "https://shop.example/", .headers = {{"Upgrade", "WebSocket"}}};
  EXPECT_THAT(explain_of(dump("shop"), websocket), HasSubstr("tunnel: after the Service's 101"));
  auto other = websocket;
  other.headers[0].second = "spdy/3.1";
  EXPECT_THAT(explain_of(dump("shop"), other), HasSubstr("no tunnel"));
}

}  // namespace
}  // namespace weir::inspect
