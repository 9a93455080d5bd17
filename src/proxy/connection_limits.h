#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "util/ip_address.h"

namespace weir::proxy {

/// Raises the process's limit of descriptors as far as it may and gives it.
std::size_t raise_descriptor_limit();

/// Counts a worker's connections by the client's address.
class AddressCounts {
  struct Hash {
    std::size_t operator()(const util::IpAddress& address) const;
  };
  using Map = std::unordered_map<util::IpAddress, std::uint32_t, Hash>;

 public:
  /// One connection's count, for as long as it lives. Empty: none. The AddressCounts outlives it.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept
        : counts_(std::exchange(other.counts_, nullptr)), entry_(other.entry_) {}
    Place& operator=(Place&& other) noexcept {
      std::swap(counts_, other.counts_);
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Place();

   private:
    friend class AddressCounts;
    AddressCounts* counts_ = nullptr;
    Map::value_type* entry_ = nullptr;
  };

  /// `most`: connections of one address; 0: no limit, and nothing is counted.
  explicit AddressCounts(std::size_t most) : most_(most) {}

  /// False: this address has its share. What is no address has no limit.
  bool take(std::string_view address, Place& place);
  std::size_t addresses() const { return counts_.size(); }

 private:
  const std::size_t most_;
  Map counts_;
};

}  // namespace weir::proxy
