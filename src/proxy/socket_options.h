#pragma once

#include <chrono>
#include <cstdint>

namespace weir::proxy {

/// TCP asks a peer that has been silent for 30 s every 10 s whether it is still there, and gives up
/// after the third time (RFC 9293 §3.8.4): a dead peer is noticed within a minute.
void keep_alive(int fd);

/// Bytes that the peer's TCP has acknowledged so far (Linux's TCP_INFO); 0: not known.
std::uint64_t bytes_acknowledged(int fd);

/// TCP gives up when the peer has acknowledged nothing for so long (RFC 5482), or keeps its window
/// shut.
void give_up_after(int fd, std::chrono::milliseconds time);

}  // namespace weir::proxy
