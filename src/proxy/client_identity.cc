#include "proxy/client_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include "proxy/openssl_handles.h"
#include "proxy/text_parts.h"

namespace weir::proxy {

namespace {

using Mode = table::ClientCertificates::Mode;

std::string text_of(const X509_NAME* name) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  const char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (out == nullptr || PEM_write_bio_X509(out.get(), certificate) != 1) return {};
  const char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

void ClientIdentity::read_peer(SSL* ssl) {
  const X509Ptr peer(SSL_get1_peer_certificate(ssl));
  if (peer == nullptr) return;
  subject = text_of(X509_get_subject_name(peer.get()));
  issuer = text_of(X509_get_issuer_name(peer.get()));
  if (asked.pass_on) certificate = escaped(pem_of(peer.get()));
  const auto result = SSL_get_verify_result(ssl);
  if (result == X509_V_OK) {
    shown = Shown::Verified;
    verify = "SUCCESS";
  } else {
    shown = Shown::Unverified;
    verify = std::string("FAILED:") + X509_verify_cert_error_string(result);
  }
}

void ClientIdentity::follow(SSL* ssl, const std::shared_ptr<const TrustStore>& now) {
  if (now == nullptr || now == trust) return;
  if (shown == Shown::Nothing) {
    trust = now;
    return;
  }
  const std::unique_ptr<X509_STORE_CTX, OpenSslDeleter<X509_STORE_CTX_free>> check(
      X509_STORE_CTX_new());
  // A resumed session has the leaf only.
  if (check == nullptr ||
      X509_STORE_CTX_init(check.get(), now->store(), SSL_get0_peer_certificate(ssl),
                          SSL_get_peer_cert_chain(ssl)) != 1) {
    return;
  }
  X509_STORE_CTX_set_default(check.get(), "ssl_client");
  X509_STORE_CTX_set_depth(check.get(), static_cast<int>(asked.verify_depth));
  if (X509_verify_cert(check.get()) != 1) {
    ERR_clear_error();
    return;
  }
  trust = now;
  shown = Shown::Verified;
  verify = "SUCCESS";
}

std::optional<AnswerReason> refuse_client(const table::Host& host, const TrustStore* trust,
                                          const ClientIdentity* identity, bool tls) {
  const auto& policy = *host.client_certificates;
  if (trust == nullptr && policy.mode != Mode::OptionalAny) return AnswerReason::NoClientTrust;
  if (!tls) {
    // Nobody can show a certificate there.
    if (policy.mode == Mode::Required) return AnswerReason::ClientCertificateMissing;
    return std::nullopt;
  }
  if (identity == nullptr || identity->host != host.name || identity->asked != policy ||
      identity->trust.get() != trust) {
    return AnswerReason::MisdirectedRequest;
  }
  switch (identity->shown) {
    case ClientIdentity::Shown::Nothing:
      if (policy.mode == Mode::Required) return AnswerReason::ClientCertificateMissing;
      break;
    case ClientIdentity::Shown::Unverified:
      if (policy.mode != Mode::OptionalAny) return AnswerReason::ClientCertificateBad;
      break;
    case ClientIdentity::Shown::Verified:
      break;
  }
  return std::nullopt;
}

}  // namespace weir::proxy
