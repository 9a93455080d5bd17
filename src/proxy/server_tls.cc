#include "proxy/server_tls.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "proxy/client_hello.h"
#include "proxy/ocsp_staple.h"
#include "proxy/target.h"
#include "proxy/tls_bio.h"

namespace weir::proxy {

namespace {

/// Mozilla "intermediate", in its order (TLS 1.3 suites are OpenSSL's default).
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kGroups[] = "X25519:P-256:P-384";
/// Of sessions whose host asks for nothing special.
constexpr std::string_view kPlainSession = "weir";

const char* or_default(const std::string& given, const char* usual) {
  return given.empty() ? usual : given.c_str();
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kHttp11,
                                           sizeof kHttp11 - 1, offered, offered_size);
  // A client that offers only what we do not speak goes on without: HTTP/1.1 is the default.
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// The handshake goes on whatever the client shows: HTTP says what is wrong with it.
int take_any_certificate(int, X509_STORE_CTX*) {
  return 1;
}

std::optional<std::string> sent_name(SSL* ssl) {
  const unsigned char* extension = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) != 1) {
    return std::nullopt;
  }
  return read_server_name({extension, size});
}

/// The host of the table's for a server name; nullptr: none, not even one for every other name.
const table::Host* host_for(const LiveTable& table, const std::optional<std::string>& sent) {
  std::string storage;
  std::string_view name;
  if (sent) {
    // A name that is none is as good as none.
    if (const auto host = normalize_host(*sent, storage)) name = *host;
  }
  const auto* host = table.find_host(name);
  return host == nullptr ? nullptr : &host->policy();
}

/// SSL_set_session_id_context for a host's policy: equal on every proxy that has the same table.
std::array<unsigned char, SHA256_DIGEST_LENGTH> session_context(const table::Host& host,
                                                                const TrustStore* trust) {
  std::string policy = "weir tls policy 1\n" + host.ciphers + '\n';
  if (host.client_certificates) {
    policy += std::to_string(static_cast<int>(host.client_certificates->mode)) + ' ' +
              std::to_string(host.client_certificates->verify_depth) + ' ';
    if (trust != nullptr) policy += trust->digest();
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(policy.data()), policy.size(), digest.data());
  return digest;
}

/// True if a session may be resumed by its ticket: a client that showed nothing, or nothing good,
/// is to be asked again.
bool may_be_resumed(SSL* ssl) {
  if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return true;
  return SSL_get0_peer_certificate(ssl) != nullptr && SSL_get_verify_result(ssl) == X509_V_OK;
}

}  // namespace

util::Result<void> check_ciphers(const std::string& ciphers) {
  if (ciphers.empty()) return {};
  ERR_clear_error();
  const SslContextPtr probe(SSL_CTX_new(TLS_method()));
  if (probe == nullptr) throw std::bad_alloc();
  if (SSL_CTX_set_cipher_list(probe.get(), ciphers.c_str()) == 1) return {};
  return util::malformed(fmt::format("OpenSSL does not take the ciphers: {}", openssl_reason()));
}

util::Result<void> check_tls_settings(const table::TlsSettings& settings) {
  if (const auto checked = check_ciphers(settings.ciphers); !checked) {
    return util::malformed("tls.ciphers: " + checked.error().detail);
  }
  if (settings.groups.empty()) return {};
  const SslContextPtr probe(SSL_CTX_new(TLS_method()));
  if (probe == nullptr) throw std::bad_alloc();
  if (SSL_CTX_set1_groups_list(probe.get(), settings.groups.c_str()) == 1) return {};
  // OpenSSL 3.0 has no reason to give for some of them.
  return util::malformed(
      fmt::format("tls.groups: OpenSSL does not take the groups: {}", openssl_reason()));
}

ServerTls::ServerTls(const LiveTable& table, std::string seed, const WallClock& clock,
                     Counters& counters)
    : table_(table),
      clock_(clock),
      counters_(counters),
      own_seed_(std::move(seed)),
      tickets_(own_seed_, clock),
      context_(make_context({}, nullptr)) {}

void ServerTls::adopt(const Delta& delta) {
  if (delta.ticket_seed) {
    tickets_.set_seed(delta.ticket_seed->bytes.empty() ? own_seed_ : delta.ticket_seed->bytes);
  }
  if (delta.settings) context_ = make_context({}, nullptr);
  // Handshakes under way keep theirs alive.
  if (delta.settings || !delta.trust_bundles.empty() || !delta.removed_trust_bundles.empty()) {
    contexts_.clear();
  }
}

SslContextPtr ServerTls::make_context(const std::string& ciphers, const TrustStore* trust) {
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  auto* context = made.get();
  if (context == nullptr) throw std::bad_alloc();
  const auto& settings = table_.settings().tls;
  SSL_CTX_set_min_proto_version(context, settings.versions.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, settings.versions.tls13 ? 0 : TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(
      context, ciphers.empty() ? or_default(settings.ciphers, kCiphers) : ciphers.c_str());
  SSL_CTX_set1_groups_list(context, or_default(settings.groups, kGroups));
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // decision 0002
  // Stateless: tickets only, one a handshake.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, settings.session_tickets ? 1 : 0);
  if (!settings.session_tickets) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_timeout(context, settings.session_timeout_s);
  SSL_CTX_set_session_id_context(
      context, reinterpret_cast<const unsigned char*>(kPlainSession.data()), kPlainSession.size());
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, choose_ticket_key);
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_client_hello_cb(context, choose_policy, this);
  SSL_CTX_set_cert_cb(context, choose_certificate, this);
  SSL_CTX_set_tlsext_status_cb(context, choose_staple);
  SSL_CTX_set_tlsext_status_arg(context, this);
  if (trust != nullptr) {
    SSL_CTX_set1_cert_store(context, trust->store());
    SSL_CTX_set_client_CA_list(context, SSL_dup_CA_list(trust->names()));
  }
  ERR_clear_error();
  return made;
}

SSL_CTX* ServerTls::context_for(const std::string& ciphers, const TrustStore* trust) {
  if (ciphers.empty() && trust == nullptr) return context_.get();
  auto& context = contexts_[{ciphers, trust}];
  if (context == nullptr) context = make_context(ciphers, trust);
  return context.get();
}

SSL* ServerTls::new_connection(IoHandle& io, std::unique_ptr<ClientIdentity>& identity) {
  auto* ssl = SSL_new(context_.get());
  if (ssl == nullptr) return nullptr;
  auto* bio = new_tls_bio(io);
  if (bio == nullptr) {
    SSL_free(ssl);
    return nullptr;
  }
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, &identity);
  SSL_set_accept_state(ssl);
  return ssl;
}

void ServerTls::finish(SSL* ssl, ClientIdentity* identity) {
  SSL_set_app_data(ssl, nullptr);
  if (SSL_session_reused(ssl) == 1) counters_.handshakes_resumed.add();
  if (identity == nullptr) return;
  identity->read_peer(ssl);
  // TLS 1.3 would have sent its ticket before anybody could say whether it should.
  if (table_.settings().tls.session_tickets && may_be_resumed(ssl)) SSL_new_session_ticket(ssl);
  ERR_clear_error();
}

int ServerTls::choose_policy(SSL* ssl, int* alert, void* self) {
  auto& tls = *static_cast<ServerTls*>(self);
  const auto name = sent_name(ssl);
  const auto* host = host_for(tls.table_, name);
  if (tls.table_.settings().tls.reject_unknown_names && (host == nullptr || host->name.empty())) {
    tls.counters_.handshakes_unknown_name.add();
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_CLIENT_HELLO_ERROR;
  }
  if (host == nullptr || (host->ciphers.empty() && !host->client_certificates)) {
    return SSL_CLIENT_HELLO_SUCCESS;
  }
  return tls.apply_host(ssl, *host) ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

bool ServerTls::apply_host(SSL* ssl, const table::Host& host) {
  std::shared_ptr<const TrustStore> trust;
  if (const auto& policy = host.client_certificates) {
    trust = table_.find_trust(policy->trust);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, take_any_certificate);
    SSL_set_verify_depth(ssl, static_cast<int>(policy->verify_depth));
    SSL_set_num_tickets(ssl, 0);  // `finish` sends it
    auto& identity = *static_cast<std::unique_ptr<ClientIdentity>*>(SSL_get_app_data(ssl));
    identity = std::make_unique<ClientIdentity>();
    identity->host = host.name;
    identity->asked = *policy;
    identity->trust = trust;
  }
  if (SSL_set_SSL_CTX(ssl, context_for(host.ciphers, trust.get())) == nullptr) return false;
  const auto context = session_context(host, trust.get());
  return SSL_set_session_id_context(ssl, context.data(), context.size()) == 1;
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
  SSL_certs_clear(ssl);
  bool any = false;
  table.for_certificates(name, [&](const ServerCertificate& certificate) {
    // One a kind of key, of which the client's signature algorithms choose: the first stays.
    any |= SSL_use_cert_and_key(ssl, certificate.leaf(), certificate.key(), certificate.chain(),
                                /*override=*/0) == 1;
  });
  ERR_clear_error();
  return any ? 1 : 0;
}

int ServerTls::choose_staple(SSL* ssl, void* self) {
  auto& tls = *static_cast<ServerTls*>(self);
  const auto* staple = staple_of(SSL_get_certificate(ssl));
  if (staple == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(tls.clock_().time_since_epoch());
  if (!staple->valid_at(now.count())) {
    tls.counters_.staples_expired.add();
    return SSL_TLSEXT_ERR_NOACK;
  }
  auto* copy = static_cast<unsigned char*>(OPENSSL_memdup(staple->der.data(), staple->der.size()));
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(staple->der.size()));
  tls.counters_.staples_sent.add();
  return SSL_TLSEXT_ERR_OK;
}

int ServerTls::choose_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv,
                                 EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  auto* tls = static_cast<ServerTls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  return tls->use_ticket_key(ssl, name, iv, cipher, mac, encrypt == 1);
}

/// As SSL_CTX_set_tlsext_ticket_key_evp_cb has it: 0 no ticket, 1 done, 2 done and renew, -1
/// failed.
int ServerTls::use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv,
                              EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool encrypt) {
  // Fetched once: each fetch of OpenSSL 3.0's takes locks.
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const TicketKeyring::Key* key = nullptr;
  if (encrypt) {
    if (SSL_version(ssl) == TLS1_2_VERSION && !may_be_resumed(ssl)) return 0;
    key = &tickets_.current();
    std::copy(key->name.begin(), key->name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1) return -1;
  } else {
    key = tickets_.find(std::span<const unsigned char, 16>(name, 16));
    if (key == nullptr) return 0;
  }
  if (EVP_CipherInit_ex(cipher, aes, nullptr, key->cipher.data(), iv, encrypt ? 1 : 0) != 1) {
    return -1;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(
          OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac.data()), key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return -1;
  if (encrypt) return 1;
  // A ticket of TLS 1.3 is used once (RFC 8446 §C.4): its client needs the next.
  return key == &tickets_.current() && SSL_version(ssl) == TLS1_2_VERSION ? 1 : 2;
}

}  // namespace weir::proxy
