#pragma once

#include <memory>
#include <string>

#include <openssl/types.h>

#include "table/table.h"
#include "util/result.h"

struct stack_st_X509;  // STACK_OF(X509)

namespace weir::proxy {

/// A certificate chain with its key, parsed once, checked to belong together, and shared by all
/// workers (OpenSSL counts references with atomics). Immutable. Those of one issuer share its
/// certificates, which take OpenSSL as long to parse, and as much memory, as their own.
class ServerCertificate {
 public:
  /// Malformed with a sentence for people when PEM is broken, the key does not fit the leaf, or the
  /// key is too weak for OpenSSL's security level 1. Never quotes key material. From any thread.
  static util::Result<std::shared_ptr<const ServerCertificate>> parse(
      const table::Certificate& certificate);

  /// RSA 2048, "CN=Kubernetes Ingress Controller Fake Certificate, O=Acme Co", SAN ingress.local,
  /// 365 days: what ingress-nginx presents for names without a certificate; people and monitors
  /// look for it. Takes about 0.1 s.
  static std::shared_ptr<const ServerCertificate> make_self_signed();

  ~ServerCertificate();
  ServerCertificate(const ServerCertificate&) = delete;
  ServerCertificate& operator=(const ServerCertificate&) = delete;

  X509* leaf() const { return leaf_; }
  stack_st_X509* chain() const { return chain_.get(); }  ///< without the leaf
  EVP_PKEY* key() const { return key_; }
  /// Why the OCSP response that came along is not stapled: "is about another certificate". Empty:
  /// it is, or there is none. That it has expired is seen when it is asked for.
  const std::string& staple_problem() const { return staple_problem_; }

 private:
  ServerCertificate() = default;

  X509* leaf_ = nullptr;
  std::shared_ptr<stack_st_X509> chain_;
  EVP_PKEY* key_ = nullptr;
  std::string staple_problem_;
};

}  // namespace weir::proxy
