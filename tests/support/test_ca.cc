#include "support/test_ca.h"

#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace weir::test {

namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

void must(bool good) {
  if (!good) throw std::runtime_error("OpenSSL refused a test certificate");
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<std::size_t>(size));
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), X509_EXTENSION_free);
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

std::string pem_of(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  must(PEM_write_bio_PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(out.get());
}

Certificate certificate_of(const PemPair& pair) {
  const Bio bio(BIO_new_mem_buf(pair.certificate.data(), -1), BIO_free);
  return Certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
}

Key key_of(const PemPair& pair) {
  const Bio bio(BIO_new_mem_buf(pair.key.data(), -1), BIO_free);
  return Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
}

struct Subject {
  std::string name;
  std::string organization;  ///< may be empty
  std::string alternative_names;
  bool is_client = false;
  bool rsa = false;
};

void add_name(X509* certificate, const char* field, const std::string& value) {
  if (value.empty()) return;
  must(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_ASC,
                                  reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1,
                                  0) == 1);
}

/// Signed by `issuer`, or by itself if that is nullptr.
PemPair make(const Subject& subject, const PemPair* issuer) {
  const Key key(subject.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"), EVP_PKEY_free);
  Certificate certificate(X509_new(), X509_free);
  must(key != nullptr && certificate != nullptr);
  Certificate issuer_certificate(nullptr, X509_free);
  Key issuer_key(nullptr, EVP_PKEY_free);
  if (issuer != nullptr) {
    issuer_certificate = certificate_of(*issuer);
    issuer_key = key_of(*issuer);
  }
  X509* const by = issuer == nullptr ? certificate.get() : issuer_certificate.get();

  std::uint32_t serial = 0;
  must(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)) == 1);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86400);
  add_name(certificate.get(), "O", subject.organization);
  add_name(certificate.get(), "CN", subject.name);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(by));
  X509_set_pubkey(certificate.get(), key.get());
  add_extension(certificate.get(), by, NID_basic_constraints,
                issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  if (!subject.alternative_names.empty()) {
    add_extension(certificate.get(), by, NID_subject_alt_name, subject.alternative_names);
  }
  if (subject.is_client) add_extension(certificate.get(), by, NID_ext_key_usage, "clientAuth");
  must(X509_sign(certificate.get(), issuer == nullptr ? key.get() : issuer_key.get(),
                 EVP_sha256()) > 0);

  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  must(PEM_write_bio_X509(out.get(), certificate.get()) == 1);
  return {text_of(out.get()), pem_of(key.get())};
}

}  // namespace

TestCa::TestCa() : pair_(make({"test CA", "", ""}, nullptr)) {}

PemPair TestCa::issue(const std::string& names) const {
  return make({"test", "", names}, &pair_);
}

PemPair TestCa::issue_client(const std::string& name, const std::string& organization) const {
  return make({name, organization, "", true}, &pair_);
}

PemPair TestCa::issue_rsa(const std::string& names) const {
  return make({"test", "", names, false, true}, &pair_);
}

std::string TestCa::revoke(const std::vector<PemPair>& revoked) const {
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
  const auto authority = certificate_of(pair_);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(authority.get()));
  X509_gmtime_adj(time.get(), -3600);
  X509_CRL_set1_lastUpdate(list.get(), time.get());
  for (const auto& pair : revoked) {
    auto* entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate_of(pair).get()));
    X509_REVOKED_set_revocationDate(entry, time.get());
    X509_CRL_add0_revoked(list.get(), entry);
  }
  X509_gmtime_adj(time.get(), 86400);
  X509_CRL_set1_nextUpdate(list.get(), time.get());
  must(X509_CRL_sign(list.get(), key_of(pair_).get(), EVP_sha256()) > 0);
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  must(PEM_write_bio_X509_CRL(out.get(), list.get()) == 1);
  return text_of(out.get());
}

std::string TestCa::ocsp_response(const PemPair& pair, long valid_s, bool good) const {
  const auto authority = certificate_of(pair_);
  const auto leaf = certificate_of(pair);
  const std::unique_ptr<OCSP_BASICRESP, decltype(&OCSP_BASICRESP_free)> basic(OCSP_BASICRESP_new(),
                                                                              OCSP_BASICRESP_free);
  const std::unique_ptr<OCSP_CERTID, decltype(&OCSP_CERTID_free)> id(
      OCSP_cert_to_id(EVP_sha1(), leaf.get(), authority.get()), OCSP_CERTID_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> from(X509_gmtime_adj(nullptr, -3600),
                                                                   ASN1_TIME_free);
  const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> until(
      X509_gmtime_adj(nullptr, valid_s), ASN1_TIME_free);
  must(OCSP_basic_add1_status(basic.get(), id.get(),
                              good ? V_OCSP_CERTSTATUS_GOOD : V_OCSP_CERTSTATUS_REVOKED, 0,
                              from.get(), from.get(), until.get()) != nullptr);
  must(OCSP_basic_sign(basic.get(), authority.get(), key_of(pair_).get(), EVP_sha256(), nullptr,
                       0) == 1);
  const std::unique_ptr<OCSP_RESPONSE, decltype(&OCSP_RESPONSE_free)> response(
      OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()), OCSP_RESPONSE_free);
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response.get(), &der);
  must(size > 0);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

SigningKey make_signing_key() {
  const Key key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  must(key != nullptr);
  const Bio out(BIO_new(BIO_s_mem()), BIO_free);
  must(PEM_write_bio_PUBKEY(out.get(), key.get()) == 1);
  return {pem_of(key.get()), text_of(out.get())};
}

}  // namespace weir::test
