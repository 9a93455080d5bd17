#include "proxy/server_certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "support/test_ca.h"

namespace weir::proxy {
namespace {

using ::testing::HasSubstr;

TEST(ServerCertificate, ThoseOfOneIssuerShareItsCertificates) {
  const test::TestCa ca;
  const test::TestCa other;
  const auto parse = [](const test::PemPair& pair, const std::string& chain) {
    return *ServerCertificate::parse({"a/tls", pair.certificate + chain, pair.key, ""});
  };

  const auto first = parse(ca.issue("DNS:a.example"), ca.certificate());
  const auto second = parse(ca.issue("DNS:b.example"), ca.certificate());
  const auto elsewhere = parse(other.issue("DNS:c.example"), other.certificate());
  const auto alone = parse(ca.issue("DNS:d.example"), "");

  ASSERT_EQ(sk_X509_num(first->chain()), 1);
  ASSERT_EQ(sk_X509_num(elsewhere->chain()), 1);
  EXPECT_EQ(sk_X509_value(first->chain(), 0), sk_X509_value(second->chain(), 0));
  EXPECT_NE(X509_cmp(sk_X509_value(first->chain(), 0), sk_X509_value(elsewhere->chain(), 0)), 0);
  EXPECT_EQ(sk_X509_num(alone->chain()), 0);
}

TEST(ServerCertificate, ABrokenChainIsRefusedEachTime) {
  const test::TestCa ca;
  const auto pair = ca.issue("DNS:a.example");
  auto broken = ca.certificate();
  broken.replace(broken.size() / 2, 4, "!!!!");

  for (int i = 0; i < 2; ++i) {
    const auto parsed = ServerCertificate::parse({"a/tls", pair.certificate + broken, pair.key});
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().detail, HasSubstr("the chain of a/tls has a broken certificate"));
  }
}

}  // namespace
}  // namespace weir::proxy
