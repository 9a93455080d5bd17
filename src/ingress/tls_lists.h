#pragma once

#include <string>
#include <string_view>

/// OpenSSL's word on a list, before a proxy is asked.
namespace weir::ingress {

/// Ciphers of TLS 1.2, in OpenSSL's notation.
bool is_cipher_list(std::string_view list);

/// Groups for the key exchange.
bool is_group_list(std::string_view list);

}  // namespace weir::ingress
