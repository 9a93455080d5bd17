#include "controller/leader_election.h"

#include "util/log.h"
#include "util/rfc3339.h"

namespace weir::controller {

namespace log = util::log;
using kube::ApiReply;
using kube::ApiStatus;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kMaxRetry{2'000};
constexpr milliseconds kMaxRequest{5'000};
constexpr milliseconds kMaxBackoff{10'000};
/// The Lease is given back within this, so that the end does not wait for a server that hangs.
constexpr milliseconds kRelease{1'500};

kube::ApiClient::Timeouts timeouts_of(milliseconds time) {
  return {time, time, time};
}

std::string now_text() {
  return util::rfc3339_micro(std::chrono::system_clock::now());
}

/// Whether anybody has written the election's part of it. Labels and the like are no sign of life.
bool is_same_record(const kube::Lease& a, const kube::Lease& b) {
  return a.holder == b.holder && a.duration == b.duration && a.transitions == b.transitions &&
         a.acquired == b.acquired && a.renewed == b.renewed;
}

}  // namespace

LeaderElection::LeaderElection(Connect connect, ElectionOptions options, Metrics& metrics,
                               Listener listener)
    : connect_(std::move(connect)),
      options_(std::move(options)),
      retry_(std::min(options_.ttl / 4, kMaxRetry)),
      metrics_(metrics),
      listener_(std::move(listener)),
      client_(connect_(timeouts_of(std::min(options_.ttl / 4, kMaxRequest))), options_.ns,
              options_.name),
      backoff_(retry_, kMaxBackoff),
      thread_([this] { run(); }) {}

LeaderElection::~LeaderElection() {
  stop();
}

bool LeaderElection::is_leader() const {
  return Clock::now().time_since_epoch().count() < leader_until_.load(std::memory_order_acquire);
}

void LeaderElection::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(is_stopping_, true)) return;
  }
  wake_.notify_all();
  client_.stop();
  thread_.join();
  const bool was_leader = is_leader();
  leader_until_ = 0;
  metrics_.set_leader(false);
  if (was_leader) release();
}

void LeaderElection::run() {
  for (;;) {
    const bool is_good = look();
    if (!sleep(delay(is_good))) return;
    if (was_told_ && !is_leader()) lose("it could not be renewed in time");
  }
}

bool LeaderElection::look() {
  return is_own() ? renew() : read();
}

bool LeaderElection::renew() {
  const auto begin = Clock::now();
  kube::Lease next = known_;
  next.duration = std::chrono::ceil<std::chrono::seconds>(options_.ttl).count();
  next.renewed = now_text();
  const auto reply = client_.update(next);
  if (reply.status == ApiStatus::Ok) return won(next, begin);
  metrics_.lease_renewal_failed();
  // Written by another one, or by an update of our own whose answer was lost.
  if (reply.status == ApiStatus::Conflict || reply.status == ApiStatus::NotFound) return read();
  return failed("renew", reply);
}

bool LeaderElection::read() {
  kube::Lease seen;
  const auto reply = client_.read(seen);
  if (reply.status == ApiStatus::NotFound) return take({});
  if (reply.status != ApiStatus::Ok) return failed("read", reply);
  return consider(seen);
}

bool LeaderElection::consider(const kube::Lease& seen) {
  if (known_.resource_version.empty() || !is_same_record(seen, known_)) observed_ = Clock::now();
  known_ = seen;
  if (is_own() || known_.holder.empty()) return take(known_);
  if (was_told_) lose(known_.holder + " holds it");
  if (Clock::now() - observed_ >= std::chrono::seconds(known_.duration)) return take(known_);
  return true;
}

/// Makes it ours, unless somebody was quicker. Without a version it is created.
bool LeaderElection::take(kube::Lease lease) {
  const auto begin = Clock::now();
  const bool is_new = lease.resource_version.empty();
  const auto now = now_text();
  if (lease.holder != options_.identity) {
    lease.acquired = now;
    if (!is_new) ++lease.transitions;
  }
  lease.holder = options_.identity;
  lease.duration = std::chrono::ceil<std::chrono::seconds>(options_.ttl).count();
  lease.renewed = now;
  const auto reply = is_new ? client_.create(lease) : client_.update(lease);
  if (reply.status == ApiStatus::Ok) return won(lease, begin);
  if (reply.status == ApiStatus::Conflict) return true;
  return failed(is_new ? "create" : "take", reply);
}

bool LeaderElection::won(const kube::Lease& lease, Clock::time_point begin) {
  known_ = lease;
  observed_ = Clock::now();
  // If it was not leader for a moment, something may have been left undone then.
  const bool is_news = !was_told_ || !is_leader();
  leader_until_.store((begin + options_.ttl / 2).time_since_epoch().count(),
                      std::memory_order_release);
  if (!reported_.empty()) log::info("Lease {}/{} can be written again", options_.ns, options_.name);
  reported_.clear();
  if (!is_news) return true;
  was_told_ = true;
  log::info("leader by Lease {}/{}, as {}", options_.ns, options_.name, options_.identity);
  metrics_.set_leader(true);
  listener_(true);
  return true;
}

void LeaderElection::lose(const std::string& reason) {
  leader_until_ = 0;
  was_told_ = false;
  log::warning("no longer leader by Lease {}/{}: {}", options_.ns, options_.name, reason);
  metrics_.set_leader(false);
  listener_(false);
}

bool LeaderElection::failed(const char* verb, const ApiReply& reply) {
  if (reply.status == ApiStatus::Stopped) return false;
  retry_after_ = reply.retry_after.value_or(std::chrono::seconds(0));
  std::string line =
      fmt::format("cannot {} Lease {}/{}: {}", verb, options_.ns, options_.name, reply.detail);
  if (reply.status == ApiStatus::Forbidden) {
    line += "; weir's role needs create on leases, and get and update on this one";
  }
  // Said once, not at every try.
  if (line == reported_) {
    log::debug("{}", line);
  } else {
    log::warning("{}; trying again", line);
  }
  reported_ = std::move(line);
  return false;
}

milliseconds LeaderElection::delay(bool is_good) {
  const auto jitter = [this](milliseconds time) {
    return time + milliseconds(std::uniform_int_distribution<std::int64_t>(
                      0, time.count() / 5)(random_));  // so that replicas do not ask in step
  };
  if (is_good) backoff_.reset();
  if (is_good && was_told_) return options_.ttl / 4;
  if (is_good) return jitter(retry_);
  // A leader has little time, and is but one.
  const auto asked = std::exchange(retry_after_, milliseconds(0));
  return std::max(asked, was_told_ ? jitter(retry_ / 2) : backoff_.next());
}

bool LeaderElection::sleep(milliseconds time) {
  std::unique_lock lock(mutex_);
  if (was_told_) {
    // To say in time that it is over.
    const auto until = Clock::time_point(Clock::duration(leader_until_.load()));
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
    time = std::max(milliseconds(0), std::min(time, left));
  }
  return !wake_.wait_for(lock, time, [this] { return is_stopping_; });
}

void LeaderElection::release() {
  // The election's own connection was stopped, in the middle of something perhaps.
  kube::LeaseClient client(connect_(timeouts_of(kRelease)), options_.ns, options_.name);
  kube::Lease lease = known_;
  ApiReply reply;
  for (int i = 0; i < 2; ++i) {
    if (lease.holder != options_.identity) return;
    lease.holder.clear();
    lease.duration = 1;
    lease.renewed = now_text();
    reply = client.update(lease);
    if (reply.status == ApiStatus::Ok) {
      log::info("gave Lease {}/{} back", options_.ns, options_.name);
      return;
    }
    if (reply.status != ApiStatus::Conflict) break;
    reply = client.read(lease);
    if (reply.status != ApiStatus::Ok) break;
  }
  log::warning("cannot give Lease {}/{} back: {}", options_.ns, options_.name, reply.detail);
}

}  // namespace weir::controller
