#include "ingress/test_certificates.h"

#include <map>
#include <memory>
#include <stdexcept>
#include <tuple>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace weir::test {

namespace {

struct Free {
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
};
template <class T>
using Ptr = std::unique_ptr<T, Free>;

void check(bool is_fine) {
  if (!is_fine) throw std::runtime_error("OpenSSL failed in a test helper");
}

std::string text_of(BIO* bio) {
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(length)};
}

std::string key_pem(EVP_PKEY* key, const char* passphrase) {
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  const EVP_CIPHER* cipher = passphrase ? EVP_aes_128_cbc() : nullptr;
  check(PEM_write_bio_PKCS8PrivateKey(out.get(), key, cipher, passphrase, passphrase ? 4 : 0,
                                      nullptr, nullptr) == 1);
  return text_of(out.get());
}

KeyPair create(const Ptr<EVP_PKEY>& key, const std::vector<std::string>& names,
               const std::string& common_name, long serial) {
  const Ptr<X509> certificate(X509_new());
  X509* x = certificate.get();
  check(key && X509_set_version(x, 2) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 86400);
  X509_set_pubkey(x, key.get());
  X509_NAME* subject = X509_get_subject_name(x);
  check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                   -1, 0) == 1);
  X509_set_issuer_name(x, subject);
  if (!names.empty()) {
    std::string list;
    for (const auto& name : names) list += (list.empty() ? "DNS:" : ",DNS:") + name;
    const Ptr<X509_EXTENSION> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, list.c_str()));
    check(extension && X509_add_ext(x, extension.get(), -1) == 1);
  }
  check(X509_sign(x, key.get(), EVP_sha256()) > 0);
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(out.get(), x) == 1);
  return {text_of(out.get()), key_pem(key.get(), nullptr)};
}

}  // namespace

const KeyPair& make_pair(const std::vector<std::string>& names, const std::string& common_name,
                         long serial) {
  static std::map<std::tuple<std::vector<std::string>, std::string, long>, KeyPair> pairs;
  const auto key = std::tuple(names, common_name, serial);
  const auto known = pairs.find(key);
  if (known != pairs.end()) return known->second;
  return pairs.emplace(key, create(Ptr<EVP_PKEY>(EVP_EC_gen("P-256")), names, common_name, serial))
      .first->second;
}

const KeyPair& make_rsa_pair(const std::vector<std::string>& names) {
  static std::map<std::vector<std::string>, KeyPair> pairs;
  const auto known = pairs.find(names);
  if (known != pairs.end()) return known->second;
  return pairs.emplace(names, create(Ptr<EVP_PKEY>(EVP_RSA_gen(2048)), names, "test", 1))
      .first->second;
}

std::string public_key_of(const KeyPair& pair) {
  const Ptr<BIO> in(BIO_new_mem_buf(pair.key_pem.data(), static_cast<int>(pair.key_pem.size())));
  const Ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
  const Ptr<BIO> out(BIO_new(BIO_s_mem()));
  check(key && PEM_write_bio_PUBKEY(out.get(), key.get()) == 1);
  return text_of(out.get());
}

std::string make_encrypted_key() {
  const Ptr<EVP_PKEY> key(EVP_EC_gen("P-256"));
  return key_pem(key.get(), "weir");
}

}  // namespace weir::test
