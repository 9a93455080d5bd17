#include "ingress/certificate_check.h"

#include <gtest/gtest.h>

#include "ingress/objects.h"
#include "support/test_ca.h"

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

TEST(CertificateCheck, KnowsTheTypeOfTheKey) {
  const auto ec = check_certificate(test::secret("tls", test::make_pair({"a.example"})));
  const auto rsa = check_certificate(test::secret("tls", test::make_rsa_pair({"a.example"})));
  ASSERT_TRUE(ec && rsa);
  EXPECT_EQ(ec->key_type, "EC");
  EXPECT_EQ(rsa->key_type, "RSA");
}

class OcspResponse : public testing::Test {
 protected:
  std::string problem_with(std::string response) const {
    kube::Secret secret;
    secret.data = {{"tls.crt", pair_.certificate},
                   {"tls.key", pair_.key},
                   {"tls.ocsp-staple", std::move(response)}};
    const auto checked = check_certificate(secret);
    return checked ? checked->staple_problem : "no certificate: " + checked.error().detail;
  }

  test::TestCa authority_;
  test::PemPair pair_ = authority_.issue("DNS:a.example");
  test::PemPair other_ = authority_.issue("DNS:b.example");
};

TEST_F(OcspResponse, IsForTheCertificateAndCallsItGood) {
  EXPECT_EQ(problem_with(authority_.ocsp_response(pair_, 3600)), "");
  EXPECT_EQ(problem_with(authority_.ocsp_response(pair_, -60)), "") << "the proxy has the clock";
  EXPECT_EQ(problem_with(authority_.ocsp_response(other_, 3600)),
            "tls.ocsp-staple is about another certificate");
  EXPECT_EQ(problem_with(authority_.ocsp_response(pair_, 3600, false)),
            "tls.ocsp-staple does not call the certificate good");
}

TEST_F(OcspResponse, OtherBytesAreAProblemAndLeaveTheCertificate) {
  const auto good = authority_.ocsp_response(pair_, 3600);
  constexpr const char* kNone = "tls.ocsp-staple is no OCSP response in DER";
  for (std::size_t length = 1; length < good.size(); ++length) {
    ASSERT_EQ(problem_with(good.substr(0, length)), kNone) << "cut at " << length;
  }
  EXPECT_EQ(problem_with(good + '\n'), kNone);
  EXPECT_EQ(problem_with("-----BEGIN OCSP RESPONSE-----"), kNone);
  EXPECT_EQ(problem_with({"\x30\x03\x0a\x01\x03", 5}),  // tryLater (RFC 6960 §2.3)
            "tls.ocsp-staple says that the responder failed");
  EXPECT_EQ(problem_with(std::string(64 * 1024 + 1, 'x')), "tls.ocsp-staple is larger than 64 KiB");
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
