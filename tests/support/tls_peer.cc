#include "support/tls_peer.h"

#include <csignal>
#include <memory>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

namespace weir::test {

namespace {

void must(bool good) {
  if (!good) throw std::runtime_error("OpenSSL refused a test's TLS options");
}

std::unique_ptr<BIO, decltype(&BIO_free)> bio_of(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

SSL_CTX* make_context(const SSL_METHOD* method, const TlsOptions& options) {
  std::signal(SIGPIPE, SIG_IGN);
  auto* context = SSL_CTX_new(method);
  if (options.version != 0) {
    SSL_CTX_set_min_proto_version(context, options.version);
    SSL_CTX_set_max_proto_version(context, options.version);
  }
  if (!options.ciphers.empty())
    must(SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) == 1);
  if (!options.groups.empty()) must(SSL_CTX_set1_groups_list(context, options.groups.c_str()) == 1);
  if (!options.signature_algorithms.empty()) {
    must(SSL_CTX_set1_sigalgs_list(context, options.signature_algorithms.c_str()) == 1);
  }
  if (!options.certificate.key.empty()) {
    const auto chain = bio_of(options.certificate.certificate);
    auto* leaf = PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr);
    auto* key =
        PEM_read_bio_PrivateKey(bio_of(options.certificate.key).get(), nullptr, nullptr, nullptr);
    must(SSL_CTX_use_certificate(context, leaf) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1);
    X509_free(leaf);
    EVP_PKEY_free(key);
  }
  if (!options.ca.empty()) {
    auto* ca = PEM_read_bio_X509(bio_of(options.ca).get(), nullptr, nullptr, nullptr);
    must(ca != nullptr && X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1);
    X509_free(ca);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  if (options.ask_for_certificate) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  }
  if (options.ask_for_status) SSL_CTX_set_tlsext_status_type(context, TLSEXT_STATUSTYPE_ocsp);
  return context;
}

/// RFC 7301 §3.1.
std::string alpn_of(const std::vector<std::string>& protocols) {
  std::string list;
  for (const auto& protocol : protocols) {
    list += static_cast<char>(protocol.size());
    list += protocol;
  }
  return list;
}

}  // namespace

TlsClient::TlsClient(const TlsOptions& options)
    : context_(make_context(TLS_client_method(), options)) {
  SSL_CTX_set_app_data(context_, this);
  const auto protocols = alpn_of(options.protocols);
  must(SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(protocols.data()),
                               static_cast<unsigned int>(protocols.size())) == 0);
  SSL_CTX_set_session_cache_mode(context_,
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
  SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
    auto* self = static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    SSL_SESSION_free(std::exchange(self->session_, session));
    return 1;
  });
}

TlsClient::~TlsClient() {
  SSL_SESSION_free(session_);
  SSL_CTX_free(context_);
}

Socket TlsClient::connect(std::uint16_t port, const std::string& server_name, bool resume) {
  auto socket = Socket::connect(port);
  if (!socket.is_open()) return socket;
  auto* ssl = SSL_new(context_);
  SSL_set_fd(ssl, socket.fd());
  if (!server_name.empty()) SSL_set_tlsext_host_name(ssl, server_name.c_str());
  if (resume && session_ != nullptr) SSL_set_session(ssl, session_);
  ERR_clear_error();
  socket.start_tls(ssl);
  if (SSL_connect(ssl) != 1) {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    reason_ = reason == nullptr ? "the peer is gone" : reason;
    socket.close();
  }
  return socket;
}

std::string TlsClient::key_type(const Socket& socket) {
  const auto* leaf = SSL_get0_peer_certificate(socket.ssl());
  return EVP_PKEY_get_base_id(X509_get0_pubkey(leaf)) == EVP_PKEY_EC ? "ECDSA" : "RSA";
}

std::string TlsClient::staple(const Socket& socket) {
  const unsigned char* der = nullptr;
  const auto size = SSL_get_tlsext_status_ocsp_resp(socket.ssl(), &der);
  if (size <= 0) return {};
  return {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)};
}

std::string TlsClient::cipher(const Socket& socket) {
  return SSL_get_cipher_name(socket.ssl());
}

int TlsClient::version(const Socket& socket) {
  return SSL_version(socket.ssl());
}

TlsServer::TlsServer(const TlsOptions& options)
    : context_(make_context(TLS_server_method(), options)) {
  SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("test"), 4);
  protocols_ = alpn_of(options.protocols);
  if (protocols_.empty()) return;
  SSL_CTX_set_alpn_select_cb(
      context_,
      [](SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
         unsigned int offered_size, void* own) {
        const auto& ours = *static_cast<const std::string*>(own);
        unsigned char* found = nullptr;
        const auto result =
            SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                                  static_cast<unsigned int>(ours.size()), offered, offered_size);
        *chosen = found;
        return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
      },
      &protocols_);
}

TlsServer::~TlsServer() {
  SSL_CTX_free(context_);
}

bool TlsServer::accept(Socket& socket) const {
  auto* ssl = SSL_new(context_);
  SSL_set_fd(ssl, socket.fd());
  socket.start_tls(ssl);
  ERR_clear_error();
  if (SSL_accept(ssl) == 1) return true;
  socket.close();
  return false;
}

Backend::Script TlsServer::wrap(Backend::Script script) const {
  return [this, script = std::move(script)](Socket& socket) {
    if (accept(socket)) script(socket);
  };
}

std::string TlsServer::server_name(const Socket& socket) {
  const char* name = SSL_get_servername(socket.ssl(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

}  // namespace weir::test
