#include "proxy/private_key.h"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace weir::proxy {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

struct Kind {
  const char* name;
  KeyPtr key;
};

std::vector<Kind> kinds() {
  std::vector<Kind> made;
  const auto add = [&](const char* name, EVP_PKEY* key) {
    made.push_back({name, KeyPtr(key, EVP_PKEY_free)});
  };
  add("P-256", EVP_EC_gen("P-256"));
  add("P-384", EVP_EC_gen("P-384"));
  add("RSA", EVP_RSA_gen(2048));
  add("Ed25519", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  return made;
}

std::string pem_of(EVP_PKEY* key, bool traditional, const EVP_CIPHER* cipher = nullptr) {
  auto* out = BIO_new(BIO_s_mem());
  auto* password = reinterpret_cast<unsigned char*>(const_cast<char*>("pass"));
  const int size = cipher == nullptr ? 0 : 4;
  if (traditional) {
    PEM_write_bio_PrivateKey_traditional(out, key, cipher, password, size, nullptr, nullptr);
  } else {
    PEM_write_bio_PrivateKey(out, key, cipher, password, size, nullptr, nullptr);
  }
  char* data = nullptr;
  const auto length = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(length));
  BIO_free(out);
  return text;
}

TEST(PrivateKey, IsReadInEveryFormThatOpenSslWrites) {
  for (const auto& kind : kinds()) {
    for (const bool traditional : {false, true}) {
      const auto pem = pem_of(kind.key.get(), traditional);
      if (pem.empty()) continue;  // Ed25519 has no traditional form
      for (int i = 0; i < 2; ++i) {
        const KeyPtr read(read_private_key(pem), EVP_PKEY_free);
        ASSERT_NE(read, nullptr) << kind.name << traditional;
        EXPECT_EQ(EVP_PKEY_eq(read.get(), kind.key.get()), 1) << kind.name << traditional;
      }
    }
  }
}

TEST(PrivateKey, BehindParametersIsFound) {
  const KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::string parameters =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
  const KeyPtr read(read_private_key(parameters + pem_of(key.get(), true)), EVP_PKEY_free);
  EXPECT_NE(read, nullptr);
}

TEST(PrivateKey, WithAPassphraseOrBrokenIsNone) {
  const KeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  for (const bool traditional : {false, true}) {
    EXPECT_EQ(read_private_key(pem_of(key.get(), traditional, EVP_aes_128_cbc())), nullptr);
    const auto pem = pem_of(key.get(), traditional);
    EXPECT_EQ(read_private_key(pem.substr(0, pem.size() / 2)), nullptr);
  }
  EXPECT_EQ(read_private_key(""), nullptr);
  EXPECT_EQ(read_private_key("-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n"),
            nullptr);
}

}  // namespace
}  // namespace weir::proxy
