#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

/// How the structs of table.h are described to the codec, each once, for both directions:
///
///   template <class Io>
///   constexpr void describe(Of<Endpoint>, Io& io) {
///     io.text("address", &Endpoint::address, {kMaxName, wrong_address});
///     io.number("port", &Endpoint::port, {1, 65535});
///   }
///
/// `Io` is FieldWriter, FieldReader or KeyOrder. Keys are in ascending byte order; any other order
/// does not compile. A field has a key, where it is (a pointer to the member, or `inside`), and
/// what its value must be, which only the reader asks. A field at its default does not travel.
///
/// text, binary, number, flag, choice: one value.
/// map: a struct with a description of its own; std::optional, util::Rare or util::Boxed of one.
/// list: a vector of such structs. names, texts, ascending: a vector of texts or numbers.
/// check: what must hold of several fields together, once those above it have been read.
namespace weir::table {

template <class T>
struct Of {};

/// The member of a member: `inside(&Route::match, &PathMatch::path)`.
template <class Outer, class Inner>
constexpr auto inside(Outer outer, Inner inner) {
  return [ outer, inner ](auto& value) -> auto& {
    return (value.*outer).*inner;
  };
}

struct TextRule {
  std::size_t max;  ///< bytes
  /// What is wrong with it, nullptr if nothing. Asked for a field that is missing, too.
  const char* (*wrong)(const std::string& text) = nullptr;
};

struct NumberRule {
  std::uint64_t min;
  std::uint64_t max;
  bool (*fits)(std::uint64_t number) = nullptr;
  const char* otherwise = nullptr;  ///< what is wrong with one that does not fit
};

struct ItemRule {
  std::size_t max_items;
  bool (*fits)(std::string_view text);
  const char* otherwise;  ///< "that is no network"
};

/// Of a list of numbers, each larger than the one before.
struct AscendingRule {
  std::size_t max_items;
  std::uint16_t min;
  std::uint16_t max;
  const char* otherwise;
};

/// Sees nothing but the keys.
class KeyOrder {
 public:
  constexpr bool ascends() const { return ascends_; }

  // clang-format off
  template <class... Rest> constexpr void text(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void binary(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void number(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void flag(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void choice(const char* key, const Rest&...) { see(key); }
  template <class... Rest> constexpr void map(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void list(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void names(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void texts(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void ascending(const char* key, Rest...) { see(key); }
  template <class... Rest> constexpr void check(Rest...) {}
  // clang-format on

 private:
  constexpr void see(std::string_view key) {
    ascends_ = ascends_ && last_ < key;
    last_ = key;
  }

  std::string_view last_;
  bool ascends_ = true;
};

template <class T>
constexpr bool keys_ascend() {
  KeyOrder order;
  describe(Of<T>{}, order);
  return order.ascends();
}

}  // namespace weir::table
