#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "faults/packet_link.h"
#include "support/temp_folder.h"
#include "support/websocket_peer.h"
#include "support/weir.h"

namespace weir::test {

/// Both programs in the near network of a link, with one route, "app".
class Faults : public testing::Test {
 protected:
  using Annotations = std::vector<std::string>;  // "weir.dev/tunnel-…: '1s'"
  using Role = WebSocketPeer::Role;

  void SetUp() override;

  /// The route and its Service, at one endpoint.
  void write_route(std::uint16_t port, const std::string& address, const Annotations& annotations);
  /// Starts both programs on that.
  void serve(std::uint16_t port, const std::string& address = "127.0.0.1",
             const Annotations& annotations = {});
  /// A connection to the proxy from the near network, or from the far one.
  Socket connect() const { return Socket::connect(proxy_->ports().http); }
  Socket connect_far() {
    return link_->far([this] { return Socket::connect(proxy_->ports().http, PacketLink::kNear); });
  }

  double open_tunnels() const { return proxy_->metric("weir_tunnels_active"); }
  /// Tunnels ended by `initiator`, because of `reason`.
  double ended(const std::string& initiator, const std::string& reason) const;
  /// The proxy has so many tunnels in all that ended so, and none is open.
  void expect_ended(const std::string& initiator, const std::string& reason, int count = 1);
  /// File descriptors of the proxy.
  int open_files() const;
  /// The proxy is as it was before it had tunnels.
  void expect_nothing_left(int files_before);
  /// Waits until TCP looks after both sockets of `tunnels` tunnels, some seconds after they opened.
  static void wait_until_looked_after(int tunnels = 1);

  std::unique_ptr<PacketLink> link_;
  TempFolder folder_;
  TempFolder runtime_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
};

}  // namespace weir::test
