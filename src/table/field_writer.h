#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "table/cbor_writer.h"
#include "table/describe.h"
#include "util/boxed.h"
#include "util/rare.h"

namespace weir::table {

/// Writes a struct by its description (describe.h). A field at its default is left out, so that a
/// field added later does not change the hash of what does not use it.
template <class T>
class FieldWriter {
 public:
  static void write(cbor::Writer& out, const T& value) {
    static_assert(keys_ascend<T>(), "a description's keys are in ascending byte order");
    const auto begun = out.begin_map();
    FieldWriter writer(out, value);
    describe(Of<T>{}, writer);
    out.end_map(begun, writer.fields_);
  }

  template <class Field>
  void text(const char* key, Field field, TextRule) {
    if (begin_unless_usual(key, field)) out_.text(of(field));
  }

  template <class Field>
  void binary(const char* key, Field field, TextRule) {
    if (!begin_unless_usual(key, field)) return;
    const std::string& bytes = of(field);
    out_.binary({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }

  template <class Field>
  void number(const char* key, Field field, NumberRule) {
    if (begin_unless_usual(key, field)) out_.number(number_of(of(field)));
  }

  template <class Field>
  void flag(const char* key, Field field) {
    if (begin_unless_usual(key, field)) out_.flag(of(field));
  }

  template <class Field, std::size_t N>
  void choice(const char* key, Field field, const char* const (&names)[N]) {
    if (begin_unless_usual(key, field)) out_.text(names[static_cast<std::size_t>(of(field))]);
  }

  template <class Field>
  void map(const char* key, Field field) {
    const auto* value = find_map(of(field), std::invoke(field, usual()));
    if (value == nullptr) return;
    begin(key);
    write_map(*value);
  }

  template <class Field>
  void list(const char* key, Field field, std::size_t) {
    write_list(key, field, [this](const auto& item) { this->write_map(item); });
  }

  template <class Field>
  void names(const char* key, Field field, std::size_t) {
    write_list(key, field, [this](const std::string& item) { out_.text(item); });
  }

  template <class Field>
  void texts(const char* key, Field field, ItemRule) {
    write_list(key, field, [this](const std::string& item) { out_.text(item); });
  }

  template <class Field>
  void ascending(const char* key, Field field, AscendingRule) {
    write_list(key, field, [this](auto item) { out_.number(item); });
  }

  template <class... Rule>
  void check(Rule...) {}

 private:
  FieldWriter(cbor::Writer& out, const T& value) : out_(out), value_(value) {}

  static const T& usual() {
    static const T value;
    return value;
  }

  template <class Field>
  const auto& of(Field field) const {
    return std::invoke(field, value_);
  }

  void begin(const char* key) {
    ++fields_;
    out_.text(key);
  }

  template <class Field>
  bool begin_unless_usual(const char* key, Field field) {
    if (of(field) == std::invoke(field, usual())) return false;
    begin(key);
    return true;
  }

  template <class Number>
  static std::uint64_t number_of(const Number& number) {
    return number;
  }
  template <class Number>
  static std::uint64_t number_of(const std::optional<Number>& number) {
    return *number;
  }

  // The map to write, nullptr if there is none.
  template <class U>
  static const U* find_map(const U& value, const U& usual_value) {
    return value == usual_value ? nullptr : &value;
  }
  template <class U>
  static const U* find_map(const std::optional<U>& value, const std::optional<U>&) {
    return value ? &*value : nullptr;
  }
  template <class U>
  static const U* find_map(const util::Boxed<U>& value, const util::Boxed<U>&) {
    return value ? &*value : nullptr;
  }
  template <class U>
  static const U* find_map(const util::Rare<U>& value, const util::Rare<U>&) {
    return value.is_usual() ? nullptr : &*value;
  }

  template <class U>
  void write_map(const U& value) {
    FieldWriter<U>::write(out_, value);
  }

  template <class Field, class Write>
  void write_list(const char* key, Field field, Write write) {
    const auto& items = of(field);
    if (items.empty()) return;
    begin(key);
    out_.list(items.size());
    for (const auto& item : items) write(item);
  }

  cbor::Writer& out_;
  const T& value_;
  std::size_t fields_ = 0;
};

}  // namespace weir::table
