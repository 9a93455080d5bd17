#include "proxy/server_tls.h"

#include <algorithm>
#include <string>
#include <system_error>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "proxy/target.h"

namespace weir::proxy {

namespace {

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kHttp11,
                                           sizeof kHttp11 - 1, offered, offered_size);
  // A client that offers only what we do not speak goes on without: HTTP/1.1 is the default.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// Mozilla "intermediate", in its order (TLS 1.3 suites are OpenSSL's default).
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

}  // namespace

TicketKeys make_ticket_keys() {
  TicketKeys keys{};
  if (RAND_bytes(keys.data(), static_cast<int>(keys.size())) != 1) {
    throw std::system_error(std::make_error_code(std::errc::io_error), "RAND_bytes");
  }
  return keys;
}

ServerTls::ServerTls(const LiveTable& table, const TicketKeys& keys)
    : table_(table), context_(SSL_CTX_new(TLS_server_method())) {
  if (context_ == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context_, kCiphers);
  SSL_CTX_set_options(context_, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // Stateless: tickets only, one a handshake.
  SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context_, 1);
  auto copy = keys;
  SSL_CTX_set_tlsext_ticket_keys(context_, copy.data(), static_cast<long>(copy.size()));
  SSL_CTX_set1_groups_list(context_, "X25519:P-256:P-384");
  SSL_CTX_set_alpn_select_cb(context_, choose_protocol, nullptr);
  SSL_CTX_set_cert_cb(context_, choose_certificate, this);
}

ServerTls::~ServerTls() {
  SSL_CTX_free(context_);
}

SSL* ServerTls::new_connection(int fd) {
  auto* ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  if (SSL_set_fd(ssl, fd) != 1) {
    SSL_free(ssl);
    return nullptr;
  }
  SSL_set_accept_state(ssl);
  return ssl;
}

int ServerTls::choose_certificate(SSL* ssl, void* self) {
  const auto& table = static_cast<ServerTls*>(self)->table_;
  const char* sent = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  std::string storage;
  std::string_view name;
  if (sent != nullptr) {
    // A name that is none gets the default certificate.
    if (const auto host = normalize_host(sent, storage)) name = *host;
  }
  bool any = false;
  table.for_certificates(name, [&](const ServerCertificate& certificate) {
    any |= SSL_use_cert_and_key(ssl, certificate.leaf(), certificate.key(), certificate.chain(),
                                /*override=*/1) == 1;
  });
  ERR_clear_error();
  return any ? 1 : 0;
}

}  // namespace weir::proxy
