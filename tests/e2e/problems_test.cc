#include <gmock/gmock.h>

#include "e2e/cluster.h"

namespace weir::test {
namespace {

/// What is wrong with one object is said, and is nobody else's trouble.
class Problems : public Cluster {
 protected:
  Problems() : app_(always("app"), address_) {}

  void SetUp() override {
    Cluster::SetUp();
    apply(service("app", {app_.port()}) + "---\n" + ingress("good", host("good"), "app"));
    start();
    ASSERT_TRUE(answers(host("good"), "app"));
  }
  void TearDown() override {
    EXPECT_EQ(proxy_->get(host("good")).body, "app") << "the good one lives";
    Cluster::TearDown();
  }

  testing::AssertionResult counted(const std::string& code, int count) {
    const auto series = "weir_controller_problems{code=\"" + code + "\"";
    if (eventually([&] { return controller_->metric(series) == count; })) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << controller_->metric(series) << '\n' << logs();
  }

  /// Waits for a warning on the object ("Ingress web"), and gives its note.
  std::string event(const std::string& reason, const std::string& kind, const std::string& name) {
    std::string note;
    EXPECT_TRUE(eventually([&] {
      for (const auto& event : api().events(ns_)) {
        if (event.reason != reason || event.type != "Warning") continue;
        if (event.regarding != kind + ' ' + ns_ + '/' + name) continue;
        // By which `kubectl describe` finds it.
        EXPECT_EQ(event.regarding_uid, api().uid(kind, name, ns_));
        note = event.note;
        return true;
      }
      return false;
    })) << reason
        << '\n'
        << logs();
    return note;
  }

  Backend app_;
};

TEST_F(Problems, AMissingServiceIsSaidUntilItIsThere) {
  apply(ingress("lost", host("lost"), "nobody"));
  EXPECT_TRUE(answers(host("lost"), 503));
  EXPECT_TRUE(counted("ServiceNotFound", 1));
  EXPECT_NE(controller_->process().wait_for_line("Ingress " + ns_ + "/lost"), "");
  EXPECT_THAT(event("ServiceNotFound", "Ingress", "lost"), testing::HasSubstr("nobody"));
  apply(service("nobody", {app_.port()}));
  EXPECT_TRUE(answers(host("lost"), "app"));
  EXPECT_TRUE(counted("ServiceNotFound", 0));
}

TEST_F(Problems, ASecretWithAnotherKeyIsSaidAndNotUsed) {
  const auto one = make_key_pair(host("tls"));
  const auto two = make_key_pair(host("tls"));
  apply(ingress("tls", host("tls"), "app", "tls"));
  apply(manifest::tls_secret("tls", host("tls")));
  ASSERT_TRUE(shows(host("tls"), "/CN=" + host("tls")));
  apply(
      "apiVersion: v1\nkind: Secret\nmetadata: {name: tls}\ntype: kubernetes.io/tls\ndata:\n"
      "  tls.crt: " +
      base64(one.certificate) + "\n  tls.key: " + base64(two.key) + "\n");
  EXPECT_TRUE(counted("InvalidCertificate", 1));
  EXPECT_TRUE(shows(host("tls"), kFake));
  EXPECT_NE(controller_->process().wait_for_line("InvalidCertificate"), "");
  EXPECT_THAT(event("InvalidCertificate", "Ingress", "tls"),
              testing::HasSubstr("tls.key does not belong"));
  apply(manifest::tls_secret("tls", host("tls")));
  EXPECT_TRUE(shows(host("tls"), "/CN=" + host("tls")));
  EXPECT_TRUE(counted("InvalidCertificate", 0));
}

TEST_F(Problems, OfTwoIngressesWithOneHostAndPathTheOlderServes) {
  const auto other = Backend(always("other"), address_);
  apply(service("other", {other.port()}));
  apply(ingress("a-younger", host("good"), "other"));
  EXPECT_NE(controller_->process().wait_for_line("Ingress " + ns_ + "/a-younger"), "");
  EXPECT_THAT(event("PathConflict", "Ingress", "a-younger"), testing::HasSubstr("good"));
  EXPECT_EQ(proxy_->get(host("good")).body, "app");
  apply(ingress("good", host("moved"), "app"));
  EXPECT_TRUE(answers(host("good"), "other"));
  // TearDown asks for it.
  EXPECT_TRUE(remove("Ingress", "a-younger"));
  apply(ingress("good", host("good"), "app"));
  EXPECT_TRUE(answers(host("good"), "app"));
}

}  // namespace
}  // namespace weir::test
