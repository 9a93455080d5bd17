#include "e2e/cluster.h"

namespace weir::test {
namespace {

class Serving : public Cluster {
 protected:
  Serving()
      : one_([](Socket& socket) { websocket_echo(socket, "one"); }, address_),
        two_(always("two"), address_) {}

  Response get_tls(const std::string& host) const {
    auto socket = Socket::connect_tls(proxy_->ports().https, host);
    if (!socket.is_open()) return {};
    socket.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return receive_response(socket);
  }
  void expect_echo(Socket socket, const std::string& host) {
    ASSERT_TRUE(open_websocket(socket, host)) << logs();
    socket.send("over the tunnel");
    EXPECT_EQ(socket.receive_exactly(15), "over the tunnel");
  }

  Backend one_;
  Backend two_;
};

TEST_F(Serving, HttpHttpsAndWebSocketsOfWhatWasThereBefore) {
  apply(service("one", {one_.port()}));
  apply(ingress("plain", host("plain"), "one"));
  apply(ingress("secure", host("secure"), "one", "secure-tls"));
  apply(manifest::tls_secret("secure-tls", host("secure")));
  start();
  EXPECT_TRUE(answers(host("plain"), "one"));
  expect_echo(Socket::connect(proxy_->ports().http), host("plain"));

  EXPECT_TRUE(shows(host("secure"), "/CN=" + host("secure")));
  EXPECT_EQ(get_tls(host("secure")).body, "one");
  expect_echo(Socket::connect_tls(proxy_->ports().https, host("secure")), host("secure"));
  EXPECT_TRUE(answers(host("secure"), 308)) << "plain HTTP to a host with TLS";

  EXPECT_TRUE(shows(host("plain"), kFake));
  EXPECT_TRUE(answers(host("nobody"), 404));
}

TEST_F(Serving, HttpHttpsAndWebSocketsOfWhatIsCreatedLater) {
  start();
  EXPECT_TRUE(answers(host("secure"), 404));
  apply(ingress("secure", host("secure"), "one", "secure-tls"));
  EXPECT_TRUE(answers(host("secure"), 308));
  EXPECT_TRUE(shows(host("secure"), kFake));
  apply(manifest::tls_secret("secure-tls", host("secure")));
  EXPECT_TRUE(shows(host("secure"), "/CN=" + host("secure")));
  EXPECT_EQ(get_tls(host("secure")).status, 503) << "there is no Service";
  apply(service("one", {one_.port()}));
  EXPECT_TRUE(eventually([&] { return get_tls(host("secure")).body == "one"; })) << logs();
  expect_echo(Socket::connect_tls(proxy_->ports().https, host("secure")), host("secure"));
}

TEST_F(Serving, APortIsFoundByItsName) {
  // Only names tell which of the two it is: number and target are the other's.
  apply(
      "apiVersion: v1\nkind: Service\nmetadata: {name: pair}\nspec:\n  ports:\n"
      "  - {name: web, port: 8080, targetPort: a}\n  - {name: admin, port: 80, targetPort: b}\n");
  apply(
      "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: pair-x\n"
      "  labels: {kubernetes.io/service-name: pair}\naddressType: IPv4\nports:\n"
      "- {name: admin, port: " +
      std::to_string(two_.port()) + "}\n- {name: web, port: " + std::to_string(one_.port()) +
      "}\nendpoints:\n- addresses: [" + address_ + "]\n");
  const auto by_port = [&](const std::string& name, const std::string& port) {
    apply(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name +
        "}\nspec:\n  ingressClassName: " + class_ + "\n  rules:\n  - host: " + host(name) +
        "\n    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: pair, port: {" +
        port + "}}}}]}\n");
  };
  by_port("by-name", "name: web");
  by_port("by-number", "number: 80");
  start();
  EXPECT_TRUE(answers(host("by-name"), "one"));
  EXPECT_TRUE(answers(host("by-number"), "two"));
  by_port("by-name", "name: admin");
  EXPECT_TRUE(answers(host("by-name"), "two"));
}

TEST_F(Serving, AWildcardHostIsOneLabelAndLosesToAnExactHost) {
  const auto wildcard = host("*");
  apply(service("one", {one_.port()}) + "---\n" + service("two", {two_.port()}));
  apply(ingress("wild", wildcard, "one") + "---\n" + ingress("exact", host("exact"), "two"));
  apply(ingress("secure", host("*.tls"), "one", "wild-tls"));
  apply(manifest::tls_secret("wild-tls", host("*.tls")));
  start();
  EXPECT_TRUE(answers(host("any"), "one"));
  EXPECT_TRUE(answers(host("exact"), "two"));
  EXPECT_TRUE(answers(host("two.labels"), 404));
  EXPECT_TRUE(shows(host("a.tls"), "/CN=" + host("*.tls")));
  EXPECT_EQ(get_tls(host("a.tls")).body, "one");
  EXPECT_TRUE(remove("Ingress", "exact"));
  EXPECT_TRUE(answers(host("exact"), "one"));
}

TEST_F(Serving, ADefaultBackendTakesTheRest) {
  apply(service("one", {one_.port()}) + "---\n" + service("two", {two_.port()}));
  start({"--default-backend-service", ns_ + "/two"});
  EXPECT_TRUE(answers(host("anything"), "two")) << "by the flag";

  // That of an Ingress goes before.
  apply(
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: rest}\nspec:\n"
      "  ingressClassName: " +
      class_ + "\n  defaultBackend: {service: {name: one, port: {number: 80}}}\n");
  EXPECT_TRUE(answers(host("anything"), "one"));
  EXPECT_TRUE(remove("Ingress", "rest"));
  EXPECT_TRUE(answers(host("anything"), "two"));
}

TEST_F(Serving, IngressesOfOtherClassesAreNotServed) {
  apply("apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: foreign-" + ns_ +
        "}\nspec: {controller: example.com/other}\n");
  apply(service("one", {one_.port()}));
  start();
  apply(manifest::ingress("foreign", host("foreign"), "one", "", "foreign-" + ns_));
  apply(manifest::ingress("unknown", host("unknown"), "one", "", "no-such-class"));
  apply(manifest::ingress("none", host("none"), "one"));
  apply(ingress("ours", host("ours"), "one"));
  // What was created before it has been looked at by then.
  EXPECT_TRUE(answers(host("ours"), "one"));
  EXPECT_EQ(proxy_->get(host("foreign")).status, 404);
  EXPECT_EQ(proxy_->get(host("unknown")).status, 404);
  EXPECT_EQ(proxy_->get(host("none")).status, 404);
  // Given to us later.
  apply(ingress("foreign", host("foreign"), "one"));
  EXPECT_TRUE(answers(host("foreign"), "one"));
  remove("IngressClass", "foreign-" + ns_);
}

}  // namespace
}  // namespace weir::test
