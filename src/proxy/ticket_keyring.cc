#include "proxy/ticket_keyring.h"

#include <algorithm>
#include <memory>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

namespace weir::proxy {

namespace {

constexpr std::string_view kSalt = "weir session ticket";

TicketKeyring::Key derive(const std::string& seed, std::uint64_t epoch) {
  std::array<unsigned char, 8> info{};
  for (std::size_t i = 0; i < info.size(); ++i) {
    info[i] = static_cast<unsigned char>(epoch >> (56 - 8 * i));
  }
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  if (context == nullptr) throw std::bad_alloc();
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char*>(seed.data()),
                                        seed.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<char*>(kSalt.data()),
                                        kSalt.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  std::array<unsigned char, 80> bytes{};
  if (EVP_KDF_derive(context.get(), bytes.data(), bytes.size(), params) != 1) {
    throw std::system_error(std::make_error_code(std::errc::io_error), "HKDF");
  }
  TicketKeyring::Key key{};
  std::copy_n(bytes.data(), 16, key.name.data());
  std::copy_n(bytes.data() + 16, 32, key.cipher.data());
  std::copy_n(bytes.data() + 48, 32, key.mac.data());
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

}  // namespace

TicketKeyring::TicketKeyring(std::string seed, WallClock clock)
    : seed_(std::move(seed)), clock_(std::move(clock)) {}

TicketKeyring::~TicketKeyring() {
  OPENSSL_cleanse(seed_.data(), seed_.size());
  OPENSSL_cleanse(keys_.data(), sizeof keys_);
}

void TicketKeyring::set_seed(std::string seed) {
  OPENSSL_cleanse(seed_.data(), seed_.size());
  seed_ = std::move(seed);
  derived_ = false;
}

void TicketKeyring::refresh() {
  const auto epoch = static_cast<std::int64_t>(clock_().time_since_epoch() / kEpoch);
  if (derived_ && epoch == epoch_) return;
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    keys_[i] = derive(seed_, static_cast<std::uint64_t>(epoch) + i - 1);
  }
  epoch_ = epoch;
  derived_ = true;
}

const TicketKeyring::Key& TicketKeyring::current() {
  refresh();
  return keys_[1];
}

const TicketKeyring::Key* TicketKeyring::find(std::span<const unsigned char, 16> name) {
  refresh();
  const auto* found = std::find_if(keys_.begin(), keys_.end(), [name](const Key& key) {
    return std::equal(name.begin(), name.end(), key.name.begin());
  });
  return found == keys_.end() ? nullptr : found;
}

std::string TicketKeyring::make_seed() {
  std::string seed(32, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(seed.data()), static_cast<int>(seed.size())) !=
      1) {
    throw std::system_error(std::make_error_code(std::errc::io_error), "RAND_bytes");
  }
  return seed;
}

}  // namespace weir::proxy
