#include "proxy_control/keyring.h"

#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/rand.h>

namespace weir::proxy_control {

namespace {

/// A key can be read by who possesses it, that is, finds it from one of the process's own keyrings.
/// A service's session may not lead to the user keyring, so that is linked.
bool reach_user_keyring() {
  return ::syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_PROCESS_KEYRING) == 0;
}

}  // namespace

std::optional<SealKey> KernelKeyStore::find(const std::string& name) {
  if (!reach_user_keyring()) return std::nullopt;
  const long id =
      ::syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name.c_str(), 0);
  if (id < 0) return std::nullopt;
  SealKey key{};
  const long size = ::syscall(SYS_keyctl, KEYCTL_READ, id, key.data(), key.size());
  if (size != static_cast<long>(key.size())) return std::nullopt;
  return key;
}

std::optional<SealKey> KernelKeyStore::make(const std::string& name) {
  if (!reach_user_keyring()) return std::nullopt;
  SealKey key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) return std::nullopt;
  const long id =
      ::syscall(SYS_add_key, "user", name.c_str(), key.data(), key.size(), KEY_SPEC_USER_KEYRING);
  if (id < 0) return std::nullopt;
  return key;
}

}  // namespace weir::proxy_control
