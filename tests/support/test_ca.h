#pragma once

#include <string>
#include <vector>

namespace weir::test {

/// A certificate with its key, as PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

/// A certificate authority of the test's own (EC P-256, valid from an hour ago for a day).
class TestCa {
 public:
  TestCa();
  const std::string& certificate() const { return pair_.certificate; }
  /// `names` as OpenSSL writes subject alternative names: "IP:127.0.0.1,DNS:kubernetes".
  PemPair issue(const std::string& names) const;
  /// As `issue`, with an RSA key (2048 bits).
  PemPair issue_rsa(const std::string& names) const;
  /// For a client that shows who it is: its certificate's common name and organisation.
  PemPair issue_client(const std::string& name, const std::string& organization) const;

  /// A revocation list that names these certificates, as PEM.
  std::string revoke(const std::vector<PemPair>& revoked) const;
  /// An OCSP response about `pair` from an hour ago until `valid_s` seconds from now, as DER.
  std::string ocsp_response(const PemPair& pair, long valid_s, bool good = true) const;

 private:
  PemPair pair_;
};

/// A P-256 key of its own, as PKCS#8, with its public half.
struct SigningKey {
  std::string private_key;
  std::string public_key;
};
SigningKey make_signing_key();

}  // namespace weir::test
