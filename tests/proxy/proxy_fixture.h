#pragma once

#include <future>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/data_plane.h"
#include "support/socket.h"

namespace weir::proxy {

/// The 32 digits that weir has put into a request's X-Request-ID, which is taken out; empty: none.
inline std::string take_request_id(std::string& head) {
  constexpr std::string_view kName = "\r\nX-Request-ID: ";
  const auto at = head.find(kName);
  if (at == std::string::npos) return {};
  auto value = head.substr(at + kName.size(), head.find("\r\n", at + 2) - at - kName.size());
  if (value.size() != 32 || value.find_first_not_of("0123456789abcdef") != value.npos) return {};
  head.erase(at, kName.size() + value.size());
  return value;
}

/// A data plane on loopback ports, with a table that tests write by hand.
class ProxyTest : public testing::Test {
 protected:
  void start(Options options = {}) {
    options.http = {{"127.0.0.1", 0}};
    options.https = {{"127.0.0.1", 0}};
    if (options.threads == 0) options.threads = 1;
    auto plane = DataPlane::start(options);
    ASSERT_TRUE(plane) << plane.error().detail;
    plane_ = std::move(*plane);
    http_port_ = plane_->http().front().port;
    https_port_ = plane_->https().front().port;
  }

  void adopt(Delta delta) {
    std::promise<void> done;
    plane_->adopt(std::make_shared<const Delta>(std::move(delta)), [&] { done.set_value(); });
    done.get_future().wait();
  }

  static std::shared_ptr<const table::Backend> backend(std::string name,
                                                       const std::vector<std::uint16_t>& ports) {
    auto made = std::make_shared<table::Backend>();
    made->name = std::move(name);
    for (const auto port : ports) {
      made->endpoints.push_back({"127.0.0.1:" + std::to_string(port), "127.0.0.1", port,
                                 table::Endpoint::State::Ready, ""});
    }
    return made;
  }

  static std::shared_ptr<const table::Host> host(std::string name, std::string backend,
                                                 bool https_only = false) {
    auto made = std::make_shared<table::Host>();
    made->name = std::move(name);
    table::Route route;
    route.origin = "default/test";
    route.https_only = https_only;
    if (!backend.empty()) route.backends = {{std::move(backend), 1}};
    made->routes = {route};
    return made;
  }

  /// Every host leads to these ports.
  void serve(const std::vector<std::uint16_t>& ports) {
    Delta delta;
    delta.backends = {backend("app", ports)};
    delta.hosts = {host("", "app")};
    adopt(std::move(delta));
  }

  /// As `serve`, with this policy for requests.
  void serve_requests(const std::vector<std::uint16_t>& ports, const table::RequestPolicy& policy) {
    auto made = std::make_shared<table::Host>(*host("", "app"));
    made->routes.front().requests = policy;
    Delta delta;
    delta.backends = {backend("app", ports)};
    delta.hosts = {made};
    adopt(std::move(delta));
  }

  static table::RequestPolicy any_body() {
    table::RequestPolicy policy;
    policy.body_bytes = 0;
    return policy;
  }

  /// As `serve`, with this policy for tunnels.
  void serve_tunnels(const std::vector<std::uint16_t>& ports, const table::TunnelPolicy& policy) {
    Delta delta;
    delta.backends = {backend("app", ports)};
    delta.hosts = {tunnel_host("", "app", policy)};
    adopt(std::move(delta));
  }
  static std::shared_ptr<const table::Host> tunnel_host(std::string name, std::string backend,
                                                        const table::TunnelPolicy& policy) {
    auto made = std::make_shared<table::Host>(*host(std::move(name), std::move(backend)));
    made->routes.front().tunnels = policy;
    return made;
  }

  test::Socket connect() const { return test::Socket::connect(http_port_); }
  test::Socket connect_tls(const std::string& name = "") const {
    return test::Socket::connect_tls(https_port_, name);
  }
  /// To the TLS port, without TLS.
  test::Socket connect_to_https() const { return test::Socket::connect(https_port_); }
  /// One request on a connection of its own.
  test::Response get(const std::string& path = "/", const std::string& host = "a.example") const {
    auto socket = connect();
    socket.send("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return test::receive_response(socket);
  }

  template <class F>
  std::uint64_t sum(F cell) const {
    std::uint64_t total = 0;
    for (const auto* counters : plane_->counters()) total += cell(*counters).read();
    return total;
  }
  std::uint64_t answers(AnswerReason reason) const {
    return sum([&](const Counters& c) -> const Cell& {
      return c.answers[static_cast<std::size_t>(reason)];
    });
  }
  /// Over all workers and routes.
  template <class F>
  std::uint64_t sum_tunnels(F cell) const {
    std::uint64_t total = 0;
    for (const auto& counted : plane_->tunnels().counters())
      total += cell(*counted.counters).read();
    return total;
  }
  std::uint64_t tunnels_ended(TunnelEnd end) const {
    return sum_tunnels([&](const TunnelCounters& c) -> const Cell& {
      return c.ended[static_cast<std::size_t>(end)];
    });
  }
  /// What one of their histograms has counted.
  template <class Times>
  std::uint64_t sum_times(Times TunnelCounters::*times) const {
    std::uint64_t total = 0;
    for (const auto& counted : plane_->tunnels().counters()) {
      for (std::size_t i = 0; i < Times::kBuckets; ++i) {
        total += ((*counted.counters).*times).count(i);
      }
    }
    return total;
  }
  std::uint64_t open_tunnels() const {
    return sum_tunnels([](const TunnelCounters& c) -> const Cell& { return c.open; });
  }

  std::unique_ptr<DataPlane> plane_;
  std::uint16_t http_port_ = 0;
  std::uint16_t https_port_ = 0;
};

}  // namespace weir::proxy
