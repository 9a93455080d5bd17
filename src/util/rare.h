#pragma once

#include <memory>
#include <utility>

namespace weir::util {

/// A value that is at its default nearly everywhere, and then costs no more than a pointer. Copies
/// share it, so it cannot be changed in place.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(T value)  // NOLINT(google-explicit-constructor): a Rare<T> is a T
      : value_(value == usual() ? nullptr : std::make_shared<const T>(std::move(value))) {}

  const T& operator*() const { return value_ == nullptr ? usual() : *value_; }
  const T* operator->() const { return &**this; }
  bool is_usual() const { return value_ == nullptr; }

  friend bool operator==(const Rare& a, const Rare& b) {
    return a.value_ == b.value_ || (a.value_ != nullptr && b.value_ != nullptr && *a == *b);
  }

  static const T& usual() {
    static const T value;
    return value;
  }

 private:
  std::shared_ptr<const T> value_;  // nullptr: usual()
};

}  // namespace weir::util
