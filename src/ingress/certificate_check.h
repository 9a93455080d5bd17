#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kube/objects.h"
#include "util/result.h"

namespace weir::ingress {

/// What the translation needs to know of a certificate that can be served.
struct CertificateInfo {
  /// DNS names of the subject alternative names, or the common name where there is no such
  /// extension; lower case.
  std::vector<std::string> names;
  /// As OpenSSL names it: "EC", "RSA". Pairs of different types can be served side by side.
  std::string key_type;
  std::int64_t not_after = 0;  ///< of the leaf, Unix time in seconds
  std::string serial;          ///< of the leaf, decimal
  // Of the leaf's issuer; empty: it has none.
  std::string issuer_organization;
  std::string issuer_common_name;
  /// What is wrong with tls.ocsp-staple, as a sentence; empty: nothing, or there is none.
  std::string staple_problem;

  /// `host` is lower case. "*.b.example" in the certificate covers "a.b.example" and the host
  /// "*.b.example" itself (RFC 6125 §6.4.3: one whole label, leftmost only).
  bool covers(std::string_view host) const;
};

/// Whether ca.crt of a Secret, and ca.crl if it is there, can be a table::TrustBundle. Malformed,
/// with a sentence for people.
util::Result<void> check_trust(const kube::Secret& secret);

/// Checks TLS Secrets. It keeps OpenSSL's key decoder, because to find one costs ten times as much
/// as to use it; apart from that it has no state. For one thread.
class CertificateChecker {
 public:
  CertificateChecker();
  ~CertificateChecker();

  /// Reads tls.crt (leaf first) and tls.key of a Secret and checks that they belong together, and
  /// that tls.ocsp-staple, if it is there, is an OCSP response in DER (RFC 6960 §4.2) that calls
  /// the leaf good. Unsupported if it has neither certificate nor key, else Malformed, with a
  /// sentence for people that quotes nothing of the key. What has expired is fine here: such a
  /// certificate is served, and clients say so; such a response is not stapled. About 0.2 ms.
  util::Result<CertificateInfo> check(const kube::Secret& secret);

 private:
  class KeyDecoder;
  std::unique_ptr<KeyDecoder> decoder_;
};

}  // namespace weir::ingress
