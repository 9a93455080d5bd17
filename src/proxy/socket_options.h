#pragma once

#include <chrono>
#include <cstdint>

namespace weir::proxy {

/// Lets TCP ask a peer whether it is still there (RFC 9293 §3.8.4): from `ask_if_there` on, and in
/// any case after a minute's silence. Without an answer it asks again every 10 s, and gives up by
/// `give_up_after`, or after the third time.
void keep_alive(int fd);

/// Asks at once if the peer has been silent for 30 s, and not before.
///
/// For whoever has many sockets. By itself the kernel asks all those at once whose time is over
/// within the same 2 s (its timers are that coarse at 30 s and 250 Hz), and a device's queue, of
/// 1000 packets by default, drops most of ten thousands. They are asked again at once, too, and
/// die.
void ask_if_there(int fd);
/// Not by itself for a minute: it speaks.
void need_not_ask(int fd);

/// Bytes that the peer's TCP has acknowledged so far (Linux's TCP_INFO); 0: not known.
std::uint64_t bytes_acknowledged(int fd);

/// TCP gives up when the peer has acknowledged nothing for so long (RFC 5482), or keeps its window
/// shut.
void give_up_after(int fd, std::chrono::milliseconds time);

}  // namespace weir::proxy
