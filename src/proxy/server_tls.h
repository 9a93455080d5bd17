#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include <openssl/types.h>

#include "proxy/live_table.h"

namespace weir::proxy {

/// Keys of session tickets, shared by all workers: a client may resume on any of them.
using TicketKeys = std::array<std::uint8_t, 80>;
TicketKeys make_ticket_keys();

/// The server side of TLS for one worker: TLS 1.2 and 1.3, the certificate by server name from the
/// live table at each handshake, so that a replaced one counts from the next handshake on. One
/// SSL_CTX a worker: OpenSSL 3.0 takes locks on a shared one.
class ServerTls {
 public:
  ServerTls(const LiveTable& table, const TicketKeys& keys);
  ~ServerTls();
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  /// For an accepted descriptor, which stays the caller's; nullptr when out of memory.
  SSL* new_connection(int fd);

 private:
  static int choose_certificate(SSL* ssl, void* self);

  const LiveTable& table_;
  SSL_CTX* context_;
};

}  // namespace weir::proxy
