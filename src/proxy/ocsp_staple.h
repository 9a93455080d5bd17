#pragma once

#include <cstdint>
#include <string>

#include <openssl/types.h>

/// An OCSP response that travels with its certificate, to be stapled (RFC 6066 §8, RFC 6960).
namespace weir::proxy {

struct OcspStaple {
  std::string der;
  std::int64_t from = 0;   ///< seconds since 1970: thisUpdate
  std::int64_t until = 0;  ///< nextUpdate, or the end of time if there is none

  bool valid_at(std::int64_t now) const { return from <= now && now < until; }
};

/// Reads `der` and hangs it on `leaf`, which owns it from then on. Empty if that is done, else why
/// not: unreadable, unsuccessful, about another certificate, or not "good". The signature is for
/// the client to check.
std::string attach_staple(X509* leaf, const std::string& der);

/// What was hung on it, or nullptr.
const OcspStaple* staple_of(const X509* leaf);

}  // namespace weir::proxy
