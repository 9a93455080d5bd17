#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace weir::proxy {

/// One line each 10 s about the same thing: what goes wrong for every request is said, not
/// repeated.
class LogLimiter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// How many were left out since the last one; none: this one is left out, too.
  std::optional<std::uint64_t> take(const std::string& about, TimePoint now) {
    constexpr std::chrono::seconds kPause{10};
    constexpr std::size_t kMost = 1024;
    if (entries_.size() >= kMost && !entries_.contains(about)) entries_.clear();
    auto& entry = entries_[about];
    if (entry.next != TimePoint{} && now < entry.next) {
      ++entry.left_out;
      return std::nullopt;
    }
    entry.next = now + kPause;
    return std::exchange(entry.left_out, 0);
  }

 private:
  struct Entry {
    TimePoint next{};
    std::uint64_t left_out = 0;
  };
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace weir::proxy
