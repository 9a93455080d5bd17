#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include "proxy/options.h"

namespace weir::proxy {

/// The keys of session tickets (RFC 5077 §4), derived from a seed, so that whoever has the seed has
/// the keys: they survive a restart, and every replica resumes every session.
///
/// Time is cut into epochs of 12 hours since 1970. An epoch's key is
///   HKDF-SHA256(key = seed, salt = "weir session ticket", info = epoch as uint64 big-endian)
/// of 80 bytes: the key's name (16), AES-256-CBC (32), HMAC-SHA256 (32). Tickets are written with
/// the current epoch's key; those of the epochs before and after are read, too: a session outlives
/// the turn of an epoch, and clocks may differ.
///
/// One worker's; it derives anew when an epoch turns.
class TicketKeyring {
 public:
  static constexpr std::chrono::hours kEpoch{12};

  struct Key {
    std::array<unsigned char, 16> name;
    std::array<unsigned char, 32> cipher;
    std::array<unsigned char, 32> mac;
  };

  TicketKeyring(std::string seed, WallClock clock);
  ~TicketKeyring();
  TicketKeyring(const TicketKeyring&) = delete;
  TicketKeyring& operator=(const TicketKeyring&) = delete;

  void set_seed(std::string seed);
  /// What tickets are written with now. Valid until the next call.
  const Key& current();
  /// The key of that name, or nullptr: a ticket of long ago, or of another seed.
  const Key* find(std::span<const unsigned char, 16> name);

  /// 32 bytes at random.
  static std::string make_seed();

 private:
  void refresh();

  std::string seed_;
  WallClock clock_;
  std::int64_t epoch_ = 0;
  bool derived_ = false;
  std::array<Key, 3> keys_{};  // previous, current, next
};

}  // namespace weir::proxy
