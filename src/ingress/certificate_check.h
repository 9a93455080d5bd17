#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kube/objects.h"
#include "util/result.h"

namespace weir::ingress {

/// What the translation needs to know of a certificate that can be served.
struct CertificateInfo {
  /// DNS names of the subject alternative names, or the common name where there is no such extension;
  /// lower case.
  std::vector<std::string> names;

  /// `host` is lower case. "*.b.example" in the certificate covers "a.b.example" and the host
  /// "*.b.example" itself (RFC 6125 §6.4.3: one whole label, leftmost only).
  bool covers(std::string_view host) const;
};

/// Reads tls.crt (leaf first) and tls.key of a Secret and checks that they belong together. Malformed
/// with a sentence for people that quotes nothing of the key. An expired certificate is fine here: it
/// is served, and clients say so. Pure; about 0.3 ms, most of it for OpenSSL to decode the key.
util::Result<CertificateInfo> check_certificate(const kube::Secret& secret);

}  // namespace weir::ingress
