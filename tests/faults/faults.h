#pragma once

#include <future>
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
 public:
  using Annotations = std::vector<std::string>;  // "weir.dev/tunnel-…: '1s'"

 protected:
  using Role = WebSocketPeer::Role;
  using Weather = PacketLink::Weather;

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

  /// A backend for one connection. It says what it is told, then echoes and answers a Close.
  Backend::Script speaker();
  void backend_says(const std::string& text) { says_.set_value(text); }
  /// Of the speaker's end of the tunnel.
  struct Seen {
    std::uint16_t code = 0;
    std::string reason;
    WebSocketPeer::End end = WebSocketPeer::End::None;
  };
  Seen backend_saw() { return seen_.get_future().get(); }

  /// A tunnel whose client is lost: weir finds out, and the backend hears of it. `last_words` are
  /// for the client, by then; empty: nothing is.
  void end_with_dead_client(Weather weather, const std::string& last_words,
                            const Annotations& annotations);
  /// The same of the backend.
  void end_with_dead_backend(Weather weather, const std::string& last_words,
                             const Annotations& annotations);

  std::unique_ptr<PacketLink> link_;
  TempFolder folder_;
  TempFolder runtime_;
  std::unique_ptr<ControllerProcess> controller_;
  std::unique_ptr<ProxyProcess> proxy_;
  std::promise<std::string> says_;
  std::promise<Seen> seen_;
};

}  // namespace weir::test
