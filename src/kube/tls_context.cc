#include "kube/tls_context.h"

#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "kube/names.h"

namespace weir::kube {

namespace {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;

Bio open_text(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Without it OpenSSL would ask for the passphrase of an encrypted key on the terminal.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

Certificate next_certificate(BIO* bio) {
  return Certificate(PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr));
}

std::optional<util::Error> set_ca(SSL_CTX& context, const std::string& pem) {
  if (pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(&context) == 1) return std::nullopt;
    return util::unavailable("the system's certificate authorities cannot be read");
  }
  const auto bio = open_text(pem);
  Store store(X509_STORE_new());
  int count = 0;
  while (const auto certificate = next_certificate(bio.get())) {
    X509_STORE_add_cert(store.get(), certificate.get());
    ++count;
  }
  ERR_clear_error();
  if (count == 0) return util::malformed("the certificate authority is not PEM");
  SSL_CTX_set_cert_store(&context, store.release());
  return std::nullopt;
}

std::optional<util::Error> set_client_certificate(SSL_CTX& context, const TlsMaterial& material) {
  if (material.certificate.empty()) return std::nullopt;
  const auto bio = open_text(material.certificate);
  const auto leaf = next_certificate(bio.get());
  if (leaf == nullptr || SSL_CTX_use_certificate(&context, leaf.get()) != 1) {
    return util::malformed("the client certificate is not PEM");
  }
  while (auto issuer = next_certificate(bio.get())) {
    if (SSL_CTX_add_extra_chain_cert(&context, issuer.get()) == 1) (void)issuer.release();
  }
  ERR_clear_error();
  const auto key_bio = open_text(material.key);
  const Key key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr || SSL_CTX_use_PrivateKey(&context, key.get()) != 1) {
    return util::malformed("the client key is not PEM, is encrypted, or is not the certificate's");
  }
  return std::nullopt;
}

void set_verified_name(SSL_CTX& context, const std::string& name) {
  auto* param = SSL_CTX_get0_param(&context);
  X509_VERIFY_PARAM_set_hostflags(
      param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (is_ipv4(name) || is_ipv6(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size());
  }
}

}  // namespace

std::optional<util::Error> prepare_tls(SSL_CTX& context, const TlsMaterial& material,
                                       const std::string& host) {
  SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION);
  if (auto error = set_client_certificate(context, material)) return error;
  if (!material.verify) {
    SSL_CTX_set_verify(&context, SSL_VERIFY_NONE, nullptr);
    return std::nullopt;
  }
  SSL_CTX_set_verify(&context, SSL_VERIFY_PEER, nullptr);
  set_verified_name(context, material.server_name.empty() ? host : material.server_name);
  return set_ca(context, material.ca);
}

}  // namespace weir::kube
