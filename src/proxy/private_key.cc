#include "proxy/private_key.h"

#include <memory>
#include <span>
#include <string_view>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "proxy/openssl_handles.h"

namespace weir::proxy {

namespace {

/// OpenSSL's decoder of one kind of key in one structure, found once.
class KeyDecoder {
 public:
  KeyDecoder(const char* structure, const char* type)
      : context_(OSSL_DECODER_CTX_new_for_pkey(&key_, "DER", structure, type, EVP_PKEY_KEYPAIR,
                                               nullptr, nullptr)) {}

  EVP_PKEY* decode(std::span<const unsigned char> der) {
    key_ = nullptr;
    const auto* data = der.data();
    auto size = der.size();
    if (context_ == nullptr || OSSL_DECODER_from_data(context_.get(), &data, &size) != 1) {
      return nullptr;
    }
    return key_;
  }

 private:
  EVP_PKEY* key_ = nullptr;
  std::unique_ptr<OSSL_DECODER_CTX, OpenSslDeleter<OSSL_DECODER_CTX_free>> context_;
};

/// Of PKCS #8 (RFC 5208).
int kind_of(std::span<const unsigned char> der) {
  const auto* data = der.data();
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, OpenSslDeleter<PKCS8_PRIV_KEY_INFO_free>> info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &data, static_cast<long>(der.size())));
  const ASN1_OBJECT* algorithm = nullptr;
  if (info == nullptr || PKCS8_pkey_get0(&algorithm, nullptr, nullptr, nullptr, info.get()) != 1) {
    return NID_undef;
  }
  return OBJ_obj2nid(algorithm);
}

EVP_PKEY* decode(std::string_view label, std::span<const unsigned char> der) {
  thread_local KeyDecoder ec("PrivateKeyInfo", "EC");
  thread_local KeyDecoder rsa("PrivateKeyInfo", "RSA");
  thread_local KeyDecoder old_ec("type-specific", "EC");
  thread_local KeyDecoder old_rsa("type-specific", "RSA");
  if (label == PEM_STRING_ECPRIVATEKEY) return old_ec.decode(der);
  if (label == PEM_STRING_RSA) return old_rsa.decode(der);
  if (label != PEM_STRING_PKCS8INF) return nullptr;
  const int kind = kind_of(der);
  if (kind == NID_X9_62_id_ecPublicKey) return ec.decode(der);
  return kind == NID_rsaEncryption ? rsa.decode(der) : nullptr;
}

}  // namespace

EVP_PKEY* read_private_key(const std::string& pem) {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  EVP_PKEY* key = nullptr;
  if (PEM_read_bio(bio_of(pem).get(), &label, &header, &der, &size) == 1) {
    const bool encrypted = *header != '\0';
    if (!encrypted) key = decode(label, {der, static_cast<std::size_t>(size)});
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  }
  ERR_clear_error();
  if (key != nullptr) return key;
  // Rare kinds, blocks before the key, and what is wrong: OpenSSL's own way, with its own words.
  return PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_passphrase, nullptr);
}

}  // namespace weir::proxy
