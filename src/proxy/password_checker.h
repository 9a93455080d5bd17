#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

namespace weir::proxy {

/// Checks passwords on threads of its own. A good hash takes 100 ms on purpose: on a worker, all
/// its other connections would stand still for so long. The threads yield to the workers, and are
/// not there before the first password is. One for all workers; from any thread.
class PasswordChecker {
 public:
  /// Called on one of those threads.
  using Done = std::function<void(bool fits)>;

  PasswordChecker() = default;
  ~PasswordChecker() { stop(); }

  /// False: as many wait as may, and `done` will not be called.
  bool check(std::string hash, std::string password, Done done);
  /// Waits for those that are being checked; the others are dropped. No `check` after this does
  /// anything.
  void stop();

 private:
  struct Job {
    std::string hash;
    std::string password;
    Done done;
  };
  void run();

  std::mutex mutex_;
  std::condition_variable some_;
  bool stopping_ = false;  // guarded by mutex_
  std::deque<Job> jobs_;   // guarded by mutex_
  std::vector<std::thread> threads_;
};

/// Which passwords have been found to fit which hash, so that a client's second request waits for
/// nothing. That stays true whatever happens to the table. It holds digests under a key of its own,
/// neither hashes nor passwords, and no more than some thousand. For one worker.
class KnownPasswords {
 public:
  using Digest = std::array<unsigned char, 32>;

  KnownPasswords();

  Digest digest_of(std::string_view hash, std::string_view password) const;
  bool has(const Digest& digest) const { return known_.contains(digest); }
  void add(const Digest& digest);

 private:
  struct FirstBytes {
    std::size_t operator()(const Digest& digest) const;
  };
  Digest key_{};
  boost::unordered_flat_set<Digest, FirstBytes> known_;
  std::deque<Digest> oldest_first_;
};

}  // namespace weir::proxy
