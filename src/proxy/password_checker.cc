#include "proxy/password_checker.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "proxy/password_hash.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kThreads = 2;
constexpr std::size_t kMostWaiting = 128;
constexpr int kNiceness = 10;
constexpr std::size_t kMostKnown = 4096;

}  // namespace

bool PasswordChecker::check(std::string hash, std::string password, Done done) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= kMostWaiting) return false;
    jobs_.push_back({std::move(hash), std::move(password), std::move(done)});
    if (threads_.size() < kThreads) threads_.emplace_back([this] { run(); });
  }
  some_.notify_one();
  return true;
}

void PasswordChecker::stop() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
    threads.swap(threads_);
  }
  some_.notify_all();
  for (auto& thread : threads) thread.join();
}

void PasswordChecker::run() {
  pthread_setname_np(pthread_self(), "passwords");
  // Linux: of this thread alone. If it is not to be had, it goes without.
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness);
  std::unique_lock lock(mutex_);
  for (;;) {
    some_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    const bool fits = password_fits(job.hash, job.password);
    OPENSSL_cleanse(job.password.data(), job.password.size());
    job.done(fits);
    lock.lock();
  }
}

KnownPasswords::KnownPasswords() {
  RAND_bytes(key_.data(), static_cast<int>(key_.size()));
}

KnownPasswords::Digest KnownPasswords::digest_of(std::string_view hash,
                                                 std::string_view password) const {
  std::string text;
  text.reserve(hash.size() + 1 + password.size());
  text += hash;
  text += '\0';  // which no hash has
  text += password;
  Digest digest{};
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), nullptr);
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

void KnownPasswords::add(const Digest& digest) {
  if (!known_.insert(digest).second) return;
  oldest_first_.push_back(digest);
  if (oldest_first_.size() <= kMostKnown) return;
  known_.erase(oldest_first_.front());
  oldest_first_.pop_front();
}

std::size_t KnownPasswords::FirstBytes::operator()(const Digest& digest) const {
  std::size_t first = 0;
  std::memcpy(&first, digest.data(), sizeof first);
  return first;
}

}  // namespace weir::proxy
