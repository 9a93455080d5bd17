#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace weir::proxy {

/// What threads share, by name: made when asked for first, gone with the last who holds it. Any
/// thread.
template <class Shared>
class ByName {
 public:
  std::shared_ptr<Shared> get(const std::string& name) {
    const std::lock_guard lock(mutex_);
    auto& known = known_[name];
    auto shared = known.lock();
    if (shared != nullptr) return shared;
    shared = std::make_shared<Shared>();
    known = shared;
    if (known_.size() > sweep_at_) {
      std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
      sweep_at_ = std::max<std::size_t>(2 * known_.size(), kFirstSweep);
    }
    return shared;
  }

 private:
  static constexpr std::size_t kFirstSweep = 64;

  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Shared>> known_;  // guarded by mutex_
  std::size_t sweep_at_ = kFirstSweep;
};

}  // namespace weir::proxy
