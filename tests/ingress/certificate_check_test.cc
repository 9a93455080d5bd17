#include "ingress/certificate_check.h"

#include <gtest/gtest.h>

#include "ingress/objects.h"

namespace weir::ingress {
namespace {

util::Result<CertificateInfo> check_certificate(const kube::Secret& secret) {
  return CertificateChecker().check(secret);
}

std::string reason(const kube::Secret& secret) {
  const auto checked = check_certificate(secret);
  return checked ? "fine" : checked.error().detail;
}

TEST(CertificateCheck, ReadsTheAlternativeNames) {
  const auto checked =
      check_certificate(test::secret("tls", test::make_pair({"Shop.example", "*.shop.example"})));

  ASSERT_TRUE(checked) << checked.error().detail;
  EXPECT_TRUE(checked->covers("shop.example"));
  EXPECT_TRUE(checked->covers("eu.shop.example"));
  EXPECT_TRUE(checked->covers("*.shop.example"));
  EXPECT_FALSE(checked->covers("a.eu.shop.example"));
  EXPECT_FALSE(checked->covers("*.eu.shop.example"));
  EXPECT_FALSE(checked->covers("other.example"));
}

TEST(CertificateCheck, CommonNameCountsOnlyWithoutAlternativeNames) {
  const auto alone = check_certificate(test::secret("tls", test::make_pair({}, "shop.example")));
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->covers("shop.example"));

  const auto beside =
      check_certificate(test::secret("tls", test::make_pair({"a.example"}, "shop.example")));
  ASSERT_TRUE(beside);
  EXPECT_FALSE(beside->covers("shop.example"));
}

TEST(CertificateCheck, SaysWhatIsWrong) {
  const auto good = test::secret("tls", test::make_pair({"a.example"}));
  auto secret = good;
  secret.data.erase("tls.crt");
  EXPECT_EQ(reason(secret), "the Secret has no tls.crt");
  secret = good;
  secret.data["tls.key"] = "";
  EXPECT_EQ(reason(secret), "the Secret has no tls.key");
  secret = good;
  secret.data["tls.crt"] = "rubbish";
  EXPECT_EQ(reason(secret), "tls.crt does not start with a PEM certificate");
  secret.data["tls.crt"] = good.data.at("tls.key");
  EXPECT_EQ(reason(secret), "tls.crt does not start with a PEM certificate");
  secret = good;
  secret.data["tls.key"] = "rubbish";
  EXPECT_EQ(reason(secret), "tls.key is no PEM private key without passphrase");
  secret.data["tls.key"] = test::make_pair({"b.example"}).key_pem;
  EXPECT_EQ(reason(secret), "tls.key does not belong to the certificate in tls.crt");
}

TEST(CertificateCheck, NeverAsksForAPassphrase) {
  auto secret = test::secret("tls", test::make_pair({"a.example"}));
  secret.data["tls.key"] = test::make_encrypted_key();
  EXPECT_EQ(reason(secret), "tls.key is no PEM private key without passphrase");
}

TEST(CertificateCheck, PublicKeyIsNoKey) {
  const auto& pair = test::make_pair({"a.example"});
  auto secret = test::secret("tls", pair);
  secret.data["tls.key"] = test::public_key_of(pair);
  EXPECT_EQ(reason(secret), "tls.key is no PEM private key without passphrase");
}

TEST(CertificateCheck, ParametersMayStandBeforeAnEcKey) {
  auto secret = test::secret("tls", test::make_pair({"a.example"}));
  // What `openssl ecparam -genkey` writes: the object identifier of P-256.
  secret.data["tls.key"].insert(
      0, "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n");
  EXPECT_EQ(reason(secret), "fine");
}

TEST(CertificateCheck, OneCheckerTakesManySecrets) {
  CertificateChecker checker;
  auto broken = test::secret("tls", test::make_pair({"a.example"}));
  broken.data["tls.key"] = "rubbish";
  for (long i = 0; i < 5; ++i) {
    EXPECT_TRUE(checker.check(test::secret("tls", test::make_pair({"a.example"}, "test", i))));
    EXPECT_FALSE(checker.check(broken));
  }
}

TEST(CertificateCheck, ChainMayFollowTheLeafAndMustBeReadable) {
  auto secret = test::secret("tls", test::make_pair({"a.example"}));
  auto& chain = secret.data["tls.crt"];
  chain += test::make_pair({"authority.example"}).certificate_pem;
  EXPECT_EQ(reason(secret), "fine");
  chain += "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_EQ(reason(secret),
            "tls.crt holds something that is no PEM certificate after the first one");
}

TEST(CertificateCheck, BytesCutAnywhereAreRefused) {
  const auto good = test::secret("tls", test::make_pair({"a.example"}));
  for (const char* key : {"tls.crt", "tls.key"}) {
    // Without the last lines there is no end marker.
    const std::size_t end = good.data.at(key).rfind("-----END");
    for (std::size_t length = 0; length < end; length += 7) {
      auto secret = good;
      secret.data[key].resize(length);
      EXPECT_NE(reason(secret), "fine") << key << " cut at " << length;
    }
  }
}

}  // namespace
}  // namespace weir::ingress
