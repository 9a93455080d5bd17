#pragma once

#include <optional>
#include <span>

#include "proxy_control/keyring.h"
#include "table/codec.h"

namespace weir::proxy_control {

/// Nonce and tag around the ciphertext.
inline constexpr std::size_t kSealOverhead = 12 + 16;

/// AES-256-GCM with a random nonce; `bound` is authenticated, not hidden. Empty: OpenSSL failed.
std::optional<table::Bytes> seal(const SealKey& key, std::span<const std::uint8_t> text,
                                 std::span<const std::uint8_t> bound);

/// Empty: another key, or something was changed.
std::optional<table::Bytes> unseal(const SealKey& key, std::span<const std::uint8_t> sealed,
                                   std::span<const std::uint8_t> bound);

}  // namespace weir::proxy_control
