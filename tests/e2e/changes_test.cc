#include "e2e/cluster.h"

namespace weir::test {
namespace {

/// Host "app" is served by "one" already.
class Changes : public Cluster {
 protected:
  Changes() : one_(always("one"), address_), two_(always("two"), address_) {}

  void SetUp() override {
    Cluster::SetUp();
    apply(service("app", {one_.port()}) + "---\n" + ingress("app", app_, "app"));
    start();
    ASSERT_TRUE(answers(app_, "one"));
  }

  const std::string app_ = host("app");
  Backend one_;
  Backend two_;
};

TEST_F(Changes, OfAnIngressAreSeen) {
  apply(ingress("app", host("renamed"), "app"));
  EXPECT_TRUE(answers(host("renamed"), "one"));
  EXPECT_TRUE(answers(app_, 404));
  apply(service("other", {two_.port()}) + "---\n" + ingress("app", host("renamed"), "other"));
  EXPECT_TRUE(answers(host("renamed"), "two"));
  EXPECT_TRUE(remove("Ingress", "app"));
  EXPECT_TRUE(answers(host("renamed"), 404));
  apply(ingress("app", app_, "app"));
  EXPECT_TRUE(answers(app_, "one"));
}

TEST_F(Changes, OfASecretAreSeen) {
  apply(manifest::tls_secret("tls", "first.example"));
  apply(ingress("tls", host("tls"), "app", "tls"));
  EXPECT_TRUE(shows(host("tls"), kFake)) << "a certificate for another host is none for this one";
  apply(manifest::tls_secret("tls", host("tls")));
  EXPECT_TRUE(shows(host("tls"), "/CN=" + host("tls")));
  apply(manifest::tls_secret("tls", host("*")));
  EXPECT_TRUE(shows(host("tls"), "/CN=" + host("*")));
  EXPECT_TRUE(remove("Secret", "tls"));
  EXPECT_TRUE(shows(host("tls"), kFake));
  apply(manifest::tls_secret("tls", host("tls")));
  EXPECT_TRUE(shows(host("tls"), "/CN=" + host("tls")));
}

TEST_F(Changes, OfAServiceAreSeen) {
  apply(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: app-second\n"
      "  labels: {kubernetes.io/service-name: app}\naddressType: IPv4\nports:\n- {name: second, "
      "port: " +
      std::to_string(two_.port()) + "}\nendpoints:\n- addresses: [" + address_ + "]\n");
  const auto ports = [&](int http, int second) {
    apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec:\n  ports:\n"
        "  - {name: http, port: " +
        std::to_string(http) + ", targetPort: http}\n  - {name: second, port: " +
        std::to_string(second) + ", targetPort: second}\n");
  };
  ports(80, 81);
  EXPECT_TRUE(answers(app_, "one"));
  ports(82, 80);
  EXPECT_TRUE(answers(app_, "two"));
  ports(82, 81);
  EXPECT_TRUE(answers(app_, 503)) << "the Ingress's port is gone";
  ports(80, 81);
  EXPECT_TRUE(answers(app_, "one"));
  EXPECT_TRUE(remove("Service", "app"));
  EXPECT_TRUE(answers(app_, 503));
  apply(service("app", {one_.port()}));
  EXPECT_TRUE(answers(app_, "one"));
}

TEST_F(Changes, OfEndpointSlicesAreSeen) {
  apply(service("app", {two_.port()}));
  EXPECT_TRUE(answers(app_, "two"));
  EXPECT_TRUE(remove("EndpointSlice", "app-0"));
  EXPECT_TRUE(answers(app_, 503));
  apply(service("app", {one_.port()}));
  EXPECT_TRUE(answers(app_, "one"));

  apply(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: app-0\n"
      "  labels: {kubernetes.io/service-name: app}\naddressType: IPv4\nports:\n- {name: http, "
      "port: " +
      std::to_string(one_.port()) + "}\nendpoints:\n- addresses: [" + address_ +
      "]\n  conditions: {ready: false}\n");
  EXPECT_TRUE(answers(app_, 503)) << "its only endpoint is not ready";
}

TEST_F(Changes, OfTheIngressClassAreSeen) {
  EXPECT_TRUE(remove("IngressClass", class_));
  EXPECT_TRUE(answers(app_, 404));
  apply_class();
  EXPECT_TRUE(answers(app_, "one"));
}

}  // namespace
}  // namespace weir::test
