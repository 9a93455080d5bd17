#pragma once

#include <utility>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace weir::util {

/// A value that is at its default nearly everywhere, and then costs no more than a pointer. Copies
/// share it, also between threads, so it cannot be changed in place.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(T value)  // NOLINT(google-explicit-constructor): a Rare<T> is a T
      : shared_(value == usual() ? nullptr : new Shared(std::move(value))) {}

  const T& operator*() const { return shared_ == nullptr ? usual() : shared_->value; }
  const T* operator->() const { return &**this; }
  bool is_usual() const { return shared_ == nullptr; }

  friend bool operator==(const Rare& a, const Rare& b) {
    return a.shared_ == b.shared_ || (a.shared_ != nullptr && b.shared_ != nullptr && *a == *b);
  }

  static const T& usual() {
    static const T value;
    return value;
  }

 private:
  struct Shared : boost::intrusive_ref_counter<Shared, boost::thread_safe_counter> {
    explicit Shared(T made) : value(std::move(made)) {}
    const T value;
  };

  boost::intrusive_ptr<const Shared> shared_;  // nullptr: usual()
};

}  // namespace weir::util
