#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/frame_watcher.h"

/// Control frames that weir itself sends (RFC 6455 §5.5). As a client, masked with a fresh random
/// key; empty if OpenSSL has no random bytes.
namespace weir::proxy {

/// Of a reason the first 123 bytes at most, cut at a character. 1005: no code, no reason.
std::string make_close_frame(FrameWatcher::Sender as, std::uint16_t code, std::string_view reason);

/// `payload`: at most 125 bytes.
std::string make_ping_frame(FrameWatcher::Sender as, std::string_view payload);

}  // namespace weir::proxy
