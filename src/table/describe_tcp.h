#pragma once

#include "table/describe_backend.h"
#include "table/describe_bounds.h"
#include "table/describe_tunnels.h"
#include "table/table.h"

/// A port of TCP (describe.h).
namespace weir::table {

template <class Io>
constexpr void describe(Of<TcpService>, Io& io) {
  io.text("backend", &TcpService::backend, kNeededName);
  io.flag("expects_proxy_protocol", &TcpService::expects_proxy_protocol);
  io.text("origin", &TcpService::origin, kName);
  io.number("port", &TcpService::port, kPort);
  io.choice("proxy_protocol", &TcpService::proxy_protocol, kProxyProtocols);
  io.number("tries", &TcpService::tries, NumberRule{1, kMaxTries});
  io.number("tries_window_ms", &TcpService::tries_window_ms, kMilliseconds);
  io.map("tunnels", &TcpService::tunnels);
}

}  // namespace weir::table
