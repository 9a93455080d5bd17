#pragma once

#include <memory>
#include <string>

#include <openssl/types.h>

#include "table/table.h"
#include "util/result.h"

struct stack_st_X509_NAME;  // STACK_OF(X509_NAME)

namespace weir::proxy {

/// A trust bundle, parsed once and shared by all workers and all policies that name it. Immutable.
class TrustStore {
 public:
  /// Malformed with a sentence for people when there is no CA certificate, or PEM is broken. With
  /// revocation lists, every certificate of a chain is looked up in one: a CA without its list
  /// verifies nothing. From any thread.
  static util::Result<std::shared_ptr<const TrustStore>> parse(const table::TrustBundle& bundle);

  ~TrustStore();
  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;

  X509_STORE* store() const { return store_; }
  /// The CAs' names, as a server lists them for its clients.
  stack_st_X509_NAME* names() const { return names_; }
  /// SHA-256 over the bundle's content: the same on every proxy that has the bundle.
  const std::string& digest() const { return digest_; }

 private:
  TrustStore() = default;

  X509_STORE* store_ = nullptr;
  stack_st_X509_NAME* names_ = nullptr;
  std::string digest_;
};

}  // namespace weir::proxy
