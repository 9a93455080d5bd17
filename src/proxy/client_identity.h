#pragma once

#include <memory>
#include <optional>
#include <string>

#include <openssl/types.h>

#include "proxy/counters.h"
#include "proxy/trust_store.h"
#include "table/table.h"

namespace weir::proxy {

/// What a connection's client was asked to show when its server name was known, and what it showed.
/// Only connections to hosts with a client-certificate policy have one.
struct ClientIdentity {
  enum class Shown : std::uint8_t {
    Nothing,
    Verified,
    Unverified,  ///< a certificate that the policy's trust does not verify
  };

  std::string host;  ///< table::Host::name that the handshake was for
  table::ClientCertificates asked;
  std::shared_ptr<const TrustStore> trust;  ///< as it was then; may be nullptr

  Shown shown = Shown::Nothing;
  std::string verify = "NONE";  ///< as nginx says it: "NONE", "SUCCESS", "FAILED:reason"
  std::string subject;          ///< RFC 2253; empty: nothing shown
  std::string issuer;           ///< RFC 2253
  std::string certificate;      ///< PEM, escaped as nginx does, if it is to be passed on; or empty

  /// After the handshake.
  void read_peer(SSL* ssl);
  /// The bundle is another one now, a newer revocation list, say: what was shown is verified anew.
  /// If it does not verify, nothing changes, and `refuse_client` sends the client to a new
  /// handshake.
  void follow(SSL* ssl, const std::shared_ptr<const TrustStore>& now);
};

/// Why a request for `host`, which asks for client certificates, is refused; none: it may pass.
/// `trust` is the policy's bundle as it is now, or nullptr; `identity` is that of the connection,
/// or nullptr: over plain HTTP, or of a connection to a host that asks for nothing.
///
/// An identity counts for the host and the policy that it was made under. Otherwise 421: the client
/// comes again on a connection of its own (RFC 9110 §15.5.20).
std::optional<AnswerReason> refuse_client(const table::Host& host, const TrustStore* trust,
                                          const ClientIdentity* identity, bool tls);

}  // namespace weir::proxy
