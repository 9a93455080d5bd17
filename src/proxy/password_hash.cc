#include "proxy/password_hash.h"

#include <apr_md5.h>
#include <crypt.h>

#include <array>
#include <memory>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "util/base64.h"

namespace weir::proxy {

namespace {

constexpr std::string_view kSalted = "{SSHA}";
constexpr std::string_view kPlain = "{PLAIN}";

bool is_same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Of RFC 2307: the digest, and behind it the salt.
bool fits_salted(std::string_view text, const std::string& password) {
  const auto bytes = util::decode_base64(text);
  if (!bytes || bytes->size() < SHA_DIGEST_LENGTH) return false;
  const auto salted = password + bytes->substr(SHA_DIGEST_LENGTH);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(salted.data()), salted.size(), digest.data());
  return CRYPTO_memcmp(bytes->data(), digest.data(), digest.size()) == 0;
}

bool fits_crypt(const std::string& hash, const std::string& password) {
  const auto data = std::make_unique<crypt_data>();  // 32 KiB
  const auto* made = ::crypt_r(password.c_str(), hash.c_str(), data.get());
  // What is no hash gives a text that begins with '*', and is never the one that was given.
  return made != nullptr && *made != '*' && is_same(made, hash);
}

}  // namespace

bool password_fits(const std::string& hash, const std::string& password) {
  // For C, it ends there: another password would be as good.
  if (password.find('\0') != std::string::npos) return false;
  const std::string_view text = hash;
  if (text.starts_with(kPlain)) return is_same(text.substr(kPlain.size()), password);
  if (text.starts_with(kSalted)) return fits_salted(text.substr(kSalted.size()), password);
  // Apache's own, which crypt(5) does not have.
  if (text.starts_with("$apr1$") || text.starts_with("{SHA}")) {
    return ::apr_password_validate(password.c_str(), hash.c_str()) == APR_SUCCESS;
  }
  return fits_crypt(hash, password);
}

}  // namespace weir::proxy
