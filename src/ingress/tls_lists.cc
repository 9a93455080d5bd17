#include "ingress/tls_lists.h"

#include <algorithm>
#include <memory>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "table/text_rules.h"

namespace weir::ingress {

namespace {

bool is_taken(std::string_view list, int (*set)(SSL_CTX*, const char*)) {
  // OpenSSL would stop at a zero and take what is before it.
  if (list.size() > table::kMaxCiphers || std::ranges::any_of(list, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      })) {
    return false;
  }
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_method()),
                                                             SSL_CTX_free);
  ERR_clear_error();
  const bool taken = context != nullptr && set(context.get(), std::string(list).c_str()) == 1;
  ERR_clear_error();
  return taken;
}

int set_groups(SSL_CTX* context, const char* list) {
  return static_cast<int>(SSL_CTX_set1_groups_list(context, list));
}

}  // namespace

bool is_cipher_list(std::string_view list) {
  return is_taken(list, SSL_CTX_set_cipher_list);
}

bool is_group_list(std::string_view list) {
  return is_taken(list, set_groups);
}

}  // namespace weir::ingress
