#include "proxy/server_certificate.h"

#include <array>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "proxy/ocsp_staple.h"
#include "proxy/openssl_handles.h"
#include "proxy/private_key.h"

namespace weir::proxy {

namespace {

using Chain = std::shared_ptr<stack_st_X509>;

void free_chain(stack_st_X509* chain) {
  sk_X509_pop_free(chain, X509_free);
}

/// What is not read yet.
std::string_view rest_of(BIO* memory) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

/// All certificates that are left; nullptr, with OpenSSL's reason, if something else is there.
Chain read_chain(BIO* pem) {
  Chain chain(sk_X509_new_null(), free_chain);
  if (chain == nullptr) throw std::bad_alloc();
  while (auto* issuer = PEM_read_bio_X509(pem, nullptr, no_passphrase, nullptr)) {
    sk_X509_push(chain.get(), issuer);
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return nullptr;
  ERR_clear_error();
  return chain;
}

/// The chains that were read last, by their text: behind a cluster's leaves stand few issuers.
class RecentChains {
 public:
  /// As `read_chain`.
  Chain read(std::string_view text) {
    for (const auto& known : chains_) {
      if (known.chain != nullptr && known.text == text) return known.chain;
    }
    std::string copy(text);
    auto chain = read_chain(bio_of(copy).get());
    if (chain != nullptr) chains_[next_++ % chains_.size()] = {std::move(copy), chain};
    return chain;
  }

 private:
  struct Entry {
    std::string text;
    Chain chain;
  };
  std::array<Entry, 16> chains_;
  std::size_t next_ = 0;
};

}  // namespace

ServerCertificate::~ServerCertificate() {
  X509_free(leaf_);
  EVP_PKEY_free(key_);
}

util::Result<std::shared_ptr<const ServerCertificate>> ServerCertificate::parse(
    const table::Certificate& certificate) {
  ERR_clear_error();
  std::shared_ptr<ServerCertificate> parsed(new ServerCertificate);
  const auto chain = bio_of(certificate.chain_pem);
  parsed->leaf_ = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr);
  if (parsed->leaf_ == nullptr) {
    return util::malformed(
        fmt::format("the certificate of {} is not PEM with an X.509 certificate "
                    "first: {}",
                    certificate.name, openssl_reason()));
  }
  thread_local RecentChains recent;
  parsed->chain_ = recent.read(rest_of(chain.get()));
  if (parsed->chain_ == nullptr) {
    return util::malformed(fmt::format("the chain of {} has a broken certificate: {}",
                                       certificate.name, openssl_reason()));
  }
  parsed->key_ = read_private_key(certificate.key_pem);
  if (parsed->key_ == nullptr) {
    return util::malformed(
        fmt::format("the key of {} is not a PEM private key without passphrase: {}",
                    certificate.name, openssl_reason()));
  }
  if (X509_check_private_key(parsed->leaf_, parsed->key_) != 1) {
    ERR_clear_error();
    return util::malformed(
        fmt::format("the key of {} does not belong to its certificate", certificate.name));
  }
  // What OpenSSL would refuse at a handshake (security level) is refused here.
  thread_local const SslContextPtr probe(SSL_CTX_new(TLS_server_method()));
  if (probe == nullptr) throw std::bad_alloc();
  if (SSL_CTX_use_cert_and_key(probe.get(), parsed->leaf_, parsed->key_, parsed->chain_.get(), 1) !=
      1) {
    return util::malformed(fmt::format("the certificate of {} cannot be used: {}", certificate.name,
                                       openssl_reason()));
  }
  if (!certificate.ocsp_der.empty()) {
    parsed->staple_problem_ = attach_staple(parsed->leaf_, certificate.ocsp_der);
  }
  return std::shared_ptr<const ServerCertificate>(std::move(parsed));
}

std::shared_ptr<const ServerCertificate> ServerCertificate::make_self_signed() {
  std::shared_ptr<ServerCertificate> made(new ServerCertificate);
  made->key_ = EVP_RSA_gen(2048);
  made->leaf_ = X509_new();
  made->chain_ = Chain(sk_X509_new_null(), free_chain);
  if (made->key_ == nullptr || made->leaf_ == nullptr || made->chain_ == nullptr) {
    throw std::bad_alloc();
  }
  auto* leaf = made->leaf_;
  X509_set_version(leaf, X509_VERSION_3);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> serial(BN_new(), BN_free);
  BN_rand(serial.get(), 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
  BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(leaf));
  constexpr long kDay = 24L * 60 * 60;
  X509_gmtime_adj(X509_getm_notBefore(leaf), -300);  // clocks differ
  X509_gmtime_adj(X509_getm_notAfter(leaf), 365 * kDay);
  X509_set_pubkey(leaf, made->key_);
  auto* name = X509_get_subject_name(leaf);
  const auto add = [name](const char* field, const char* value) {
    X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(value), -1, -1, 0);
  };
  add("O", "Acme Co");
  add("CN", "Kubernetes Ingress Controller Fake Certificate");
  X509_set_issuer_name(leaf, name);
  const auto extend = [leaf](int nid, const char* value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(leaf, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_key_usage, "critical,digitalSignature,keyEncipherment");
  extend(NID_ext_key_usage, "serverAuth");
  extend(NID_basic_constraints, "critical,CA:FALSE");
  extend(NID_subject_alt_name, "DNS:ingress.local");
  X509_sign(leaf, made->key_, EVP_sha256());
  return made;
}

}  // namespace weir::proxy
