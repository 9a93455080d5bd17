#include "proxy_control/sealing.h"

#include <limits>
#include <memory>

#include <openssl/evp.h>
#include <openssl/rand.h>

namespace weir::proxy_control {

namespace {

constexpr std::size_t kNonce = 12;
constexpr std::size_t kTag = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

Cipher make_cipher() {
  return {EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free};
}

bool fits_int(std::size_t size) {
  return size <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace

std::optional<table::Bytes> seal(const SealKey& key, std::span<const std::uint8_t> text,
                                 std::span<const std::uint8_t> bound) {
  if (!fits_int(text.size()) || !fits_int(bound.size())) return std::nullopt;
  table::Bytes sealed(kNonce + text.size() + kTag);
  std::uint8_t* const body = sealed.data() + kNonce;
  const auto cipher = make_cipher();
  int length = 0;
  const bool done =
      cipher && RAND_bytes(sealed.data(), kNonce) == 1 &&
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), sealed.data()) ==
          1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &length, bound.data(),
                        static_cast<int>(bound.size())) == 1 &&
      EVP_EncryptUpdate(cipher.get(), body, &length, text.data(), static_cast<int>(text.size())) ==
          1 &&
      EVP_EncryptFinal_ex(cipher.get(), body + length, &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTag, body + text.size()) == 1;
  if (!done) return std::nullopt;
  return sealed;
}

std::optional<table::Bytes> unseal(const SealKey& key, std::span<const std::uint8_t> sealed,
                                   std::span<const std::uint8_t> bound) {
  if (sealed.size() < kSealOverhead || !fits_int(sealed.size()) || !fits_int(bound.size())) {
    return std::nullopt;
  }
  const auto body = sealed.subspan(kNonce, sealed.size() - kSealOverhead);
  auto tag = table::Bytes(sealed.end() - kTag, sealed.end());
  table::Bytes text(body.size());
  const auto cipher = make_cipher();
  int length = 0;
  const bool done =
      cipher &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), sealed.data()) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &length, bound.data(),
                        static_cast<int>(bound.size())) == 1 &&
      EVP_DecryptUpdate(cipher.get(), text.data(), &length, body.data(),
                        static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), text.data() + length, &length) == 1;
  if (!done) return std::nullopt;
  return text;
}

}  // namespace weir::proxy_control
