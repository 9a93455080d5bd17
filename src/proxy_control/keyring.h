#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::proxy_control {

using SealKey = std::array<std::uint8_t, 32>;

/// Keys that live in this user's kernel keyring (keyrings(7)): in memory that is never on a disk,
/// and longer than any process. Asked from one thread at a time.
class KeyStore {
 public:
  virtual ~KeyStore() = default;
  /// Empty: there is none of that name, or the kernel lets nobody ask (containers forbid it).
  virtual std::optional<SealKey> find(const std::string& name) = 0;
  /// A new random key under that name. Empty: the kernel does not take it.
  virtual std::optional<SealKey> make(const std::string& name) = 0;
};

class KernelKeyStore : public KeyStore {
 public:
  std::optional<SealKey> find(const std::string& name) override;
  std::optional<SealKey> make(const std::string& name) override;
};

}  // namespace weir::proxy_control
