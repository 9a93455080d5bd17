#include "proxy/upstream_tls.h"

#include <arpa/inet.h>

#include <new>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "proxy/tls_bio.h"

namespace weir::proxy {

namespace {

/// Server names may be the clients' own words: so many lanes and sessions, then from the start.
constexpr std::size_t kMostContexts = 1024;
constexpr std::size_t kMostLanes = 4096;
constexpr std::size_t kMostSessions = 1024;

bool is_address(const std::string& name) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET, name.c_str(), &parsed) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), &parsed) == 1;
}

/// A normalised host as a certificate has it: addresses without brackets.
std::string without_brackets(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::string(host);
}

}  // namespace

UpstreamLane::UpstreamLane(std::shared_ptr<SSL_CTX> context, std::uint64_t number,
                           std::string server_name, bool send_server_name, bool verify)
    : context_(std::move(context)),
      number_(number),
      server_name_(std::move(server_name)),
      send_server_name_(send_server_name),
      verify_(verify) {}

SSL* UpstreamLane::new_connection(IoHandle& io, const Endpoint& endpoint) {
  std::unique_ptr<SSL, OpenSslDeleter<SSL_free>> ssl(SSL_new(context_.get()));
  if (ssl == nullptr) return nullptr;
  auto* bio = new_tls_bio(io);
  if (bio == nullptr) return nullptr;
  SSL_set_bio(ssl.get(), bio, bio);
  const bool address = is_address(server_name_);
  // RFC 6066 §3: no addresses in SNI.
  if (send_server_name_ && !address && !server_name_.empty() &&
      SSL_set_tlsext_host_name(ssl.get(), server_name_.c_str()) != 1) {
    return nullptr;
  }
  if (verify_) {
    auto* param = SSL_get0_param(ssl.get());
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int named =
        address ? X509_VERIFY_PARAM_set1_ip_asc(param, server_name_.c_str())
                : X509_VERIFY_PARAM_set1_host(param, server_name_.data(), server_name_.size());
    if (named != 1) return nullptr;
  }
  if (const auto kept = sessions_.find(endpoint.id()); kept != sessions_.end()) {
    SSL_set_session(ssl.get(), kept->second.get());
  }
  SSL_set_connect_state(ssl.get());
  return ssl.release();
}

void UpstreamLane::keep_session(SSL* ssl, const Endpoint& endpoint) {
  SslSessionPtr session(SSL_get1_session(ssl));
  if (session == nullptr || SSL_SESSION_is_resumable(session.get()) != 1) return;
  if (sessions_.size() >= kMostSessions) sessions_.clear();
  sessions_[endpoint.id()] = std::move(session);
}

std::string UpstreamLane::failure_of(SSL* ssl) {
  const auto verified = SSL_get_verify_result(ssl);
  if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && verified != X509_V_OK) {
    ERR_clear_error();
    return fmt::format("its certificate is not trusted: {}",
                       X509_verify_cert_error_string(verified));
  }
  if (ERR_peek_last_error() == 0) return "the connection ended";
  return openssl_reason();
}

void UpstreamTls::adopt(const Delta& delta) {
  std::set<std::string_view> trusts(delta.removed_trust_bundles.begin(),
                                    delta.removed_trust_bundles.end());
  for (const auto& named : delta.trust_bundles) trusts.insert(named.name);
  std::set<std::string_view> certificates(delta.removed_certificates.begin(),
                                          delta.removed_certificates.end());
  for (const auto& named : delta.certificates) certificates.insert(named.name);
  std::erase_if(contexts_, [&](const auto& entry) {
    const auto& context = entry.second;
    const bool stale = trusts.contains(context.trust) || certificates.contains(context.certificate);
    if (stale) forget(context);
    return stale;
  });
}

void UpstreamTls::forget(const Context& context) {
  std::erase_if(lanes_,
                [&](const auto& entry) { return entry.second->uses(context.context.get()); });
}

util::Result<UpstreamLaneRef> UpstreamTls::lane_for(const table::UpstreamTls& policy,
                                                    std::string_view host) {
  std::string server_name;
  if (policy.send_server_name || policy.verify) {
    server_name = policy.server_name.empty() ? without_brackets(host) : policy.server_name;
  }
  if (policy.verify && server_name.empty()) {
    return util::unavailable("there is no name to verify: the request has no host");
  }
  const auto context_key =
      fmt::format("{}\n{}\n{}\n{}\n{}{}{}{}", policy.trust, policy.verify_depth, policy.certificate,
                  policy.ciphers, policy.send_server_name ? 1 : 0, policy.verify ? 1 : 0,
                  policy.versions.tls12 ? 1 : 0, policy.versions.tls13 ? 1 : 0);
  auto lane_key = context_key + '\n' + server_name;
  if (const auto found = lanes_.find(lane_key); found != lanes_.end()) return found->second;

  auto known = contexts_.find(context_key);
  if (known == contexts_.end()) {
    auto made = make_context(policy);
    if (!made) return made.error();
    if (contexts_.size() >= kMostContexts) {
      contexts_.clear();
      lanes_.clear();
    }
    known = contexts_.emplace(context_key, *std::move(made)).first;
  }
  if (lanes_.size() >= kMostLanes) lanes_.clear();
  UpstreamLaneRef lane(new UpstreamLane(known->second.context, ++last_number_,
                                        std::move(server_name), policy.send_server_name,
                                        policy.verify));
  lanes_.emplace(std::move(lane_key), lane);
  return lane;
}

util::Result<UpstreamTls::Context> UpstreamTls::make_context(
    const table::UpstreamTls& policy) const {
  std::shared_ptr<SSL_CTX> made(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  auto* context = made.get();
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context, policy.versions.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(context, policy.versions.tls13 ? 0 : TLS1_2_VERSION);
  if (!policy.ciphers.empty()) SSL_CTX_set_cipher_list(context, policy.ciphers.c_str());
  // A FIN without close_notify is no clean end here: a response until close may be cut short.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);                           // decision 0002
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // the lanes keep them
  if (policy.verify) {
    const auto trust = table_.find_trust(policy.trust);
    if (trust == nullptr) {
      return util::unavailable(fmt::format("trust bundle {} is not there", policy.trust));
    }
    SSL_CTX_set1_cert_store(context, trust->store());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_verify_depth(context, static_cast<int>(policy.verify_depth));
  }
  if (!policy.certificate.empty()) {
    const auto certificate = table_.find_certificate(policy.certificate);
    if (certificate == nullptr) {
      return util::unavailable(fmt::format("certificate {} is not there", policy.certificate));
    }
    SSL_CTX_use_cert_and_key(context, certificate->leaf(), certificate->key(), certificate->chain(),
                             1);
  }
  ERR_clear_error();
  return Context{std::move(made), policy.trust, policy.certificate};
}

}  // namespace weir::proxy
