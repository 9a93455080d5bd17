#pragma once

#include <string>

#include <openssl/types.h>

namespace weir::proxy {

/// The first private key of `pem`, without a passphrase; nullptr, with OpenSSL's reason in its
/// queue, if there is none. From any thread.
///
/// As PEM_read_bio_PrivateKey, which takes OpenSSL 3.0 a millisecond to look for its decoders:
/// these are kept by each thread for RSA and EC keys, and found in a fiftieth of that.
EVP_PKEY* read_private_key(const std::string& pem);

}  // namespace weir::proxy
