#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string_view>

namespace weir::proxy {

/// Makes values for X-Request-ID: 128 bits as 32 lower-case hexadecimal digits, as ingress-nginx's.
/// They tell requests apart and are no secrets. One of each worker, on its thread.
class RequestIds {
 public:
  using Text = std::array<char, 32>;

  RequestIds() {
    std::random_device seed;
    for (auto& half : state_) half = (std::uint64_t{seed()} << 32U) | seed();
    state_[0] |= 1U;  // all of the state must not be 0
  }

  std::string_view make(Text& text) {
    write(next(), text.data());
    write(next(), text.data() + text.size() / 2);
    return {text.data(), text.size()};
  }

 private:
  /// xorshift128+ (S. Vigna, "Further scramblings of Marsaglia's xorshift generators").
  std::uint64_t next() {
    auto a = state_[0];
    const auto b = state_[1];
    state_[0] = b;
    a ^= a << 23U;
    state_[1] = a ^ b ^ (a >> 17U) ^ (b >> 26U);
    return state_[1] + b;
  }
  static void write(std::uint64_t number, char* to) {
    for (int i = 0; i < 16; ++i, number <<= 4U) to[i] = "0123456789abcdef"[number >> 60U];
  }

  std::array<std::uint64_t, 2> state_{};
};

}  // namespace weir::proxy
