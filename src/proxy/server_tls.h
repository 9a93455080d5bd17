#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "proxy/client_identity.h"
#include "proxy/counters.h"
#include "proxy/delta.h"
#include "proxy/live_table.h"
#include "proxy/openssl_handles.h"
#include "proxy/ticket_keyring.h"
#include "util/result.h"

namespace weir::proxy {

/// Malformed, with OpenSSL's reason, if it takes no such list of TLS 1.2 ciphers; an empty one is
/// the default. From any thread.
util::Result<void> check_ciphers(const std::string& ciphers);
/// As above, and of key exchange groups; the sentence names the field.
util::Result<void> check_tls_settings(const table::TlsSettings& settings);

/// The server side of TLS for one worker: versions, ciphers, certificates and what is asked of
/// clients by server name from the live table at each handshake, so that a change counts from the
/// next handshake on. Its contexts are its own: OpenSSL 3.0 takes locks on shared ones.
///
/// All that depends on the server name is settled when the ClientHello is here, before OpenSSL
/// looks at its ticket: a host's session is resumed only under the policy that it was made under
/// (RFC 8446 §4.2.11 leaves that to the server).
class ServerTls {
 public:
  /// `seed` is for tickets until the table brings one. The others outlive it.
  ServerTls(const LiveTable& table, std::string seed, const WallClock& clock, Counters& counters);
  ServerTls(const ServerTls&) = delete;
  ServerTls& operator=(const ServerTls&) = delete;

  /// After the table took it.
  void adopt(const Delta& delta);

  /// For an accepted descriptor, which stays the caller's; nullptr when out of memory. `identity`
  /// is filled in if the host asks for client certificates, and lives until `finish`.
  SSL* new_connection(IoHandle& io, std::unique_ptr<ClientIdentity>& identity);
  /// After the handshake: reads what the client showed.
  void finish(SSL* ssl, ClientIdentity* identity);

 private:
  using ContextKey = std::pair<std::string, const TrustStore*>;  // ciphers, trust

  static int choose_policy(SSL* ssl, int* alert, void* self);
  static int choose_certificate(SSL* ssl, void* self);
  static int choose_staple(SSL* ssl, void* self);
  static int choose_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv,
                               EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt);

  SslContextPtr make_context(const std::string& ciphers, const TrustStore* trust);
  SSL_CTX* context_for(const std::string& ciphers, const TrustStore* trust);
  bool apply_host(SSL* ssl, const table::Host& host);
  int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                     EVP_MAC_CTX* mac, bool encrypt);

  const LiveTable& table_;
  const WallClock& clock_;
  Counters& counters_;
  const std::string own_seed_;
  TicketKeyring tickets_;
  SslContextPtr context_;                         // of hosts without a policy of their own
  std::map<ContextKey, SslContextPtr> contexts_;  // made when first asked for
};

}  // namespace weir::proxy
