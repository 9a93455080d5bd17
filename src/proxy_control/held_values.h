#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

#include <boost/container_hash/hash.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "util/hash.h"

namespace weir::proxy_control {

/// Hosts, or backends: values that have a name, shared with the workers, each with the hash of the
/// bytes that it was decoded from. Names are there once, in the values: a table has 100 000.
template <class T>
class HeldValues {
 public:
  struct Held {
    std::shared_ptr<const T> value;
    util::ContentHash hash;
  };

  /// nullptr: there is none of that name. Valid until the next change.
  const util::ContentHash* find_hash(std::string_view name) const {
    const auto found = all_.find(name);
    return found == all_.end() ? nullptr : &found->hash;
  }
  /// True: there was none of that name before.
  bool put(std::shared_ptr<const T> value, const util::ContentHash& hash) {
    const bool was_there = erase(value->name);
    all_.insert(Held{std::move(value), hash});
    return !was_there;
  }
  bool erase(std::string_view name) {
    const auto found = all_.find(name);
    if (found == all_.end()) return false;
    all_.erase(found);
    return true;
  }

  std::size_t size() const { return all_.size(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  static std::string_view name_of(std::string_view name) { return name; }
  static std::string_view name_of(const Held& held) { return held.value->name; }

  struct HashOfName {
    using is_transparent = void;
    template <class Named>
    std::size_t operator()(const Named& named) const {
      return boost::hash<std::string_view>{}(name_of(named));
    }
  };
  struct SameName {
    using is_transparent = void;
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return name_of(a) == name_of(b);
    }
  };

  boost::unordered_flat_set<Held, HashOfName, SameName> all_;
};

}  // namespace weir::proxy_control
