#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/socket.h"
#include "support/test_ca.h"

struct ssl_ctx_st;
struct ssl_session_st;

namespace weir::test {

/// What a TLS peer of a test does; what is left empty is OpenSSL's default.
struct TlsOptions {
  int version = 0;  ///< TLS1_2_VERSION or TLS1_3_VERSION, only
  PemPair certificate;
  std::string ca;  ///< PEM: what the peer shows must be verified by it
  std::string ciphers;
  std::string signature_algorithms;
  std::string groups;
  bool ask_for_certificate = false;    ///< a server, of its clients
  bool ask_for_status = false;         ///< a client, for an OCSP response
  std::vector<std::string> protocols;  ///< ALPN, preferred first; empty: none
};

/// A client that keeps the session of its last connection. One thread's.
class TlsClient {
 public:
  explicit TlsClient(const TlsOptions& options = {});
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// A closed socket if the handshake failed: `reason` says why. `resume`: offers the session.
  Socket connect(std::uint16_t port, const std::string& server_name = "", bool resume = false);
  const std::string& reason() const { return reason_; }
  bool has_session() const { return session_ != nullptr; }

  /// "ECDSA" or "RSA", by the peer's certificate.
  static std::string key_type(const Socket& socket);
  /// The OCSP response that came along, DER.
  static std::string staple(const Socket& socket);
  static std::string cipher(const Socket& socket);
  static int version(const Socket& socket);

 private:
  ssl_ctx_st* context_;
  ssl_session_st* session_ = nullptr;
  std::string reason_;
};

/// The server side, for scripts of test::Backend. Any thread.
class TlsServer {
 public:
  explicit TlsServer(const TlsOptions& options);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  /// Makes the handshake; false, and closed, if it failed.
  bool accept(Socket& socket) const;
  /// `script`, over TLS.
  Backend::Script wrap(Backend::Script script) const;
  /// As the client sent it; empty: none.
  static std::string server_name(const Socket& socket);

 private:
  ssl_ctx_st* context_;
  std::string protocols_;  // as ALPN has them
};

}  // namespace weir::test
