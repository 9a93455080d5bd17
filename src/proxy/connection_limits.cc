#include "proxy/connection_limits.h"

#include <sys/resource.h>

#include "util/hash.h"

namespace weir::proxy {

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

std::size_t AddressCounts::Hash::operator()(const util::IpAddress& address) const {
  util::Hash64 hash;
  hash.add({reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()});
  return hash.value();
}

AddressCounts::Place::~Place() {
  if (counts_ == nullptr) return;
  if (--entry_->second == 0) counts_->counts_.erase(entry_->first);
}

bool AddressCounts::take(std::string_view address, Place& place) {
  if (most_ == 0) return true;
  const auto parsed = util::IpAddress::parse(address);
  if (!parsed) return true;
  auto& entry = *counts_.try_emplace(*parsed, 0U).first;
  if (entry.second >= most_) return false;
  ++entry.second;
  Place taken;
  taken.counts_ = this;
  taken.entry_ = &entry;
  place = std::move(taken);
  return true;
}

}  // namespace weir::proxy
