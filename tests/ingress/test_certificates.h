#pragma once

#include <string>
#include <vector>

namespace weir::test {

struct KeyPair {
  std::string certificate_pem;
  std::string key_pem;
};

/// Self-signed, P-256. `names` become DNS alternative names; without any, `common_name` stands
/// alone. The same arguments give the same pair within one process, each distinct `serial` another
/// one.
const KeyPair& make_pair(const std::vector<std::string>& names,
                         const std::string& common_name = "test", long serial = 1);

/// As `make_pair`, with an RSA key (2048 bits).
const KeyPair& make_rsa_pair(const std::vector<std::string>& names);

std::string public_key_of(const KeyPair& pair);

/// The key alone, under a passphrase.
std::string make_encrypted_key();

}  // namespace weir::test
