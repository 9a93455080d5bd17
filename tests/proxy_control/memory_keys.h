#pragma once

#include <map>
#include <string>

#include "proxy_control/keyring.h"

namespace weir::proxy_control {

/// The kernel's keyring, as a map that the test owns.
class MemoryKeys : public KeyStore {
 public:
  using Keys = std::map<std::string, SealKey>;

  /// nullptr: a kernel that takes no keys.
  explicit MemoryKeys(Keys* keys) : keys_(keys) {}

  std::optional<SealKey> find(const std::string& name) override {
    if (keys_ == nullptr || !keys_->contains(name)) return std::nullopt;
    return keys_->at(name);
  }
  std::optional<SealKey> make(const std::string& name) override {
    if (keys_ == nullptr) return std::nullopt;
    SealKey key{};
    key.fill(static_cast<std::uint8_t>(keys_->size() + 1));
    (*keys_)[name] = key;
    return key;
  }

 private:
  Keys* keys_;
};

}  // namespace weir::proxy_control
