#pragma once

#include <optional>
#include <string>

#include <openssl/types.h>

#include "kube/credentials.h"
#include "util/result.h"

namespace weir::kube {

/// Prepares a client context: TLS 1.2 or newer, the chain verified against our CA alone (or the
/// system's if there is none) and the name against the certificate's alternative names, the client
/// certificate with its chain. `host` is the name or address that is dialled.
std::optional<util::Error> prepare_tls(SSL_CTX& context, const TlsMaterial& material,
                                       const std::string& host);

}  // namespace weir::kube
