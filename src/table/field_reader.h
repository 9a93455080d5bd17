#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "table/cbor_reader.h"
#include "table/describe.h"
#include "table/text_rules.h"
#include "util/boxed.h"
#include "util/rare.h"

namespace weir::table {

/// Reads a struct by its description (describe.h), in one pass over the bytes. What is missing
/// keeps its default; the first value that cannot be ends the reading, as the cursor's error.
template <class T>
class FieldReader {
 public:
  /// `before` is the struct before this one in a list, or nullptr: equal policies are shared with
  /// it.
  static T read(cbor::Cursor& cursor, const cbor::Path& path, const T* before = nullptr) {
    static_assert(keys_ascend<T>(), "a description's keys are in ascending byte order");
    T value;
    FieldReader reader(cursor, path, value, before);
    describe(Of<T>{}, reader);
    reader.map_.finish();
    return value;
  }

  template <class Field>
  void text(const char* key, Field field, TextRule rule) {
    std::string& out = of(field);
    if (const auto value = map_.text(key, rule.max)) out = *value;
    check_text(key, out, rule);
  }

  template <class Field>
  void binary(const char* key, Field field, TextRule rule) {
    std::string& out = of(field);
    if (const auto value = map_.binary(key, rule.max)) out.assign(value->begin(), value->end());
    check_text(key, out, rule);
  }

  /// A number whose default is out of its bounds has to be there.
  template <class Field>
  void number(const char* key, Field field, NumberRule rule) {
    auto& out = of(field);
    const auto value = map_.number(key, rule.min, rule.max);
    if (!value) {
      if (!may_be_missing(out, rule)) map_.fail(key, "is missing");
    } else if (rule.fits != nullptr && !rule.fits(*value)) {
      map_.fail(key, rule.otherwise);
    } else {
      put_number(*value, out);
    }
  }

  template <class Field>
  void flag(const char* key, Field field) {
    if (const auto value = map_.flag(key)) of(field) = *value;
  }

  /// Text that is one of `names`; the value is its index there.
  template <class Field, std::size_t N>
  void choice(const char* key, Field field, const char* const (&names)[N]) {
    const auto name = map_.text(key, kMaxChoice);
    if (!name) return;
    const auto* const found = std::find(std::begin(names), std::end(names), *name);
    if (found == std::end(names)) {
      return map_.fail(key, "is \"" + std::string(*name) + "\", which this build does not know");
    }
    auto& out = of(field);
    out = static_cast<std::remove_reference_t<decltype(out)>>(found - names);
  }

  template <class Field>
  void map(const char* key, Field field) {
    if (!map_.find(key)) return;
    const cbor::Path path(map_.path(), key);
    take_map(path, of(field), before_ == nullptr ? nullptr : &std::invoke(field, *before_));
  }

  template <class Field>
  void list(const char* key, Field field, std::size_t max) {
    auto& items = of(field);
    using Item = typename std::remove_reference_t<decltype(items)>::value_type;
    each_item(key, max, items, [&](const cbor::Path& path) {
      const Item* before = items.empty() ? nullptr : &items.back();
      items.push_back(FieldReader<Item>::read(cursor(), path, before));
    });
  }

  template <class Field>
  void names(const char* key, Field field, std::size_t max) {
    auto& items = of(field);
    each_item(key, max, items, [&](const cbor::Path& path) {
      const auto name = cursor().take_text();
      if (!name || name->empty() || name->size() > kMaxRuleText || has_control_character(*name)) {
        return cursor().fail(path, "is not a name");
      }
      items.emplace_back(*name);
    });
  }

  template <class Field>
  void texts(const char* key, Field field, ItemRule rule) {
    auto& items = of(field);
    each_item(key, rule.max_items, items, [&](const cbor::Path& path) {
      const auto item = cursor().take_text();
      if (!item || item->size() > kMaxRuleText || !rule.fits(*item)) {
        return fail_item(key, path, rule.otherwise);
      }
      items.emplace_back(*item);
    });
  }

  template <class Field>
  void ascending(const char* key, Field field, AscendingRule rule) {
    auto& items = of(field);
    each_item(key, rule.max_items, items, [&](const cbor::Path& path) {
      const auto number = cursor().take_number();
      if (!number || *number < rule.min || *number > rule.max ||
          (!items.empty() && items.back() >= *number)) {
        return fail_item(key, path, rule.otherwise);
      }
      items.push_back(static_cast<std::uint16_t>(*number));
    });
  }

  template <class Holds>
  void check(const char* key, const char* otherwise, Holds holds) {
    if (!map_.failed() && !holds(std::as_const(value_))) map_.fail(key, otherwise);
  }

 private:
  static constexpr std::size_t kMaxChoice = 64;

  FieldReader(cbor::Cursor& cursor, const cbor::Path& path, T& value, const T* before)
      : map_(cursor, path), value_(value), before_(before) {}

  cbor::Cursor& cursor() { return map_.cursor(); }

  template <class Field>
  auto& of(Field field) {
    return std::invoke(field, value_);
  }

  /// The document has as many items as it says, so there is room for them.
  template <class Items, class Take>
  void each_item(const char* key, std::size_t max, Items& items, Take take) {
    const auto count = map_.begin_list(key, max);
    items.reserve(count);
    for (std::size_t i = 0; i < count && !map_.failed(); ++i) {
      take(cbor::Path(map_.path(), key, i));
    }
  }

  void fail_item(const char* key, const cbor::Path& path, const char* otherwise) {
    map_.fail(key, "has something at " + path.text() + " " + otherwise);
  }

  void check_text(const char* key, const std::string& text, TextRule rule) {
    if (rule.wrong == nullptr || map_.failed()) return;
    if (const char* wrong = rule.wrong(text)) map_.fail(key, wrong);
  }

  template <class Number>
  static bool may_be_missing(const Number& usual, NumberRule rule) {
    return usual >= rule.min;
  }
  template <class Number>
  static bool may_be_missing(const std::optional<Number>&, NumberRule) {
    return true;
  }
  template <class Number>
  static void put_number(std::uint64_t value, Number& out) {
    out = static_cast<Number>(value);
  }
  template <class Number>
  static void put_number(std::uint64_t value, std::optional<Number>& out) {
    out = static_cast<Number>(value);
  }

  template <class U>
  void take_map(const cbor::Path& path, U& out, const U*) {
    out = FieldReader<U>::read(cursor(), path);
  }
  template <class U>
  void take_map(const cbor::Path& path, std::optional<U>& out, const std::optional<U>*) {
    out = FieldReader<U>::read(cursor(), path);
  }
  template <class U>
  void take_map(const cbor::Path& path, util::Boxed<U>& out, const util::Boxed<U>*) {
    out = FieldReader<U>::read(cursor(), path);
  }
  /// A policy of a whole ConfigMap is that of all routes: they share it.
  template <class U>
  void take_map(const cbor::Path& path, util::Rare<U>& out, const util::Rare<U>* before) {
    auto read = FieldReader<U>::read(cursor(), path);
    if (before != nullptr && **before == read) {
      out = *before;
    } else {
      out = std::move(read);
    }
  }

  cbor::MapReader map_;
  T& value_;
  const T* before_;
};

}  // namespace weir::table
