#include "proxy/backend.h"

#include <algorithm>
#include <utility>

#include <openssl/evp.h>

namespace weir::proxy {

namespace {

using Algorithm = table::Balancing::Algorithm;

/// A new endpoint's share begins with a tenth.
constexpr double kFirstShare = 0.1;

/// A hash leaves its endpoint when that has a quarter more than the mean; with less to do than this
/// (a worker's share of it), never.
constexpr std::uint64_t kAlwaysTaken = 16;

/// splitmix64's last step: every bit of `x` changes every bit of the result.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

/// MD5 in hex: what ingress-nginx puts into cookies. It guards nothing.
std::string md5_hex(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_md5(), nullptr);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace

/// Which endpoints a look at the list considers.
class Backend::Usable {
 public:
  enum class Which { Best, NoSlowStart, All };

  Usable(const Backend& backend, const Choosing& choosing, Which which)
      : backend_(backend),
        choosing_(choosing),
        slow_start_(backend.policy().balancing.slow_start_ms),
        which_(which) {}

  bool operator()(const EndpointRef& endpoint) const {
    if (!choosing_.tried.empty() && std::find(choosing_.tried.begin(), choosing_.tried.end(),
                                              endpoint) != choosing_.tried.end()) {
      return false;
    }
    if (choosing_.most_tunnels != 0 &&
        endpoint->shared(*choosing_.tunnels)->tunnels >= choosing_.most_tunnels) {
      return false;
    }
    return is_good(*endpoint) && has_room(*endpoint);
  }

 private:
  bool is_good(const Endpoint& endpoint) const {
    if (which_ == Which::All) return true;
    if (endpoint.health.is_out(choosing_.now) || backend_.fails_checks(endpoint)) return false;
    return which_ == Which::NoSlowStart || slow_start_.count() == 0 || has_turn(endpoint);
  }
  bool has_room(const Endpoint& endpoint) const {
    if (choosing_.met_full == nullptr) return true;
    const auto& member = *backend_.member(endpoint);
    if (member.waiting.load() == 0 && member.requests.load() < backend_.most_requests_) return true;
    *choosing_.met_full = true;
    return false;
  }
  bool has_turn(const Endpoint& endpoint) const {
    const auto age = choosing_.now - endpoint.known_since();
    if (age >= slow_start_) return true;
    const double share = std::max(kFirstShare, std::chrono::duration<double>(age) /
                                                   std::chrono::duration<double>(slow_start_));
    const auto drawn = next_random(choosing_.random_state) >> 40;
    return static_cast<double>(drawn) < share * static_cast<double>(1U << 24);
  }

  const Backend& backend_;
  const Choosing& choosing_;
  const std::chrono::milliseconds slow_start_;
  const Which which_;
};

Backend::Backend(std::shared_ptr<const table::Backend> from, EndpointMap& endpoints)
    : from_(std::move(from)),
      most_requests_(from_->limits->requests),
      is_checked_(from_->health->kind != table::ActiveHealth::Kind::Off) {
  using State = table::Endpoint::State;
  for (const auto& endpoint : from_->endpoints) {
    if (endpoint.state == State::Unready) continue;
    auto& list = endpoint.state == State::Ready ? ready_ : draining_;
    list.push_back(endpoints.get(endpoint));
  }
  next_ = endpoints.draw();
  if (has_limit() || is_checked_) share(endpoints);
}

void Backend::share(EndpointMap& endpoints) {
  shared_ = endpoints.shared_backends().get(name());
  for (const auto* list : {&ready_, &draining_}) {
    for (const auto& endpoint : *list) {
      members_.emplace(endpoint.get(), shared_->member(endpoint->id()));
    }
  }
}

EndpointRef Backend::choose(const Choosing& choosing) const {
  using Which = Usable::Which;
  for (const auto which : {Which::Best, Which::NoSlowStart, Which::All}) {
    if (which == Which::NoSlowStart && from_->balancing.slow_start_ms == 0) continue;
    const Usable usable(*this, choosing, which);
    if (auto endpoint = choose_of(ready_, choosing, usable)) return endpoint;
    // An endpoint in slow start is better than one that is about to go.
    if (which == Which::Best && from_->balancing.slow_start_ms != 0) continue;
    // And one that is full for a moment is better, too.
    if (choosing.met_full != nullptr && *choosing.met_full) return nullptr;
    if (auto endpoint = choose_of(draining_, choosing, usable)) return endpoint;
    if (choosing.met_full != nullptr && *choosing.met_full) return nullptr;
  }
  return nullptr;
}

EndpointRef Backend::choose_of(const List& list, const Choosing& choosing,
                               const Usable& usable) const {
  if (list.empty()) return nullptr;
  const auto size = list.size();
  if (choosing.hash) return by_hash(list, choosing, usable);
  const auto algorithm = from_->balancing.algorithm;
  if (algorithm == Algorithm::RoundRobin) {
    for (std::size_t i = 0; i < size; ++i) {
      const auto& candidate = list[next_++ % size];
      if (usable(candidate)) return candidate;
    }
    return nullptr;
  }
  const auto random = next_random(choosing.random_state);
  const auto load_of = [&](const EndpointRef& endpoint) {
    return choosing.tunnels == nullptr ? endpoint->load
                                       : endpoint->shared(*choosing.tunnels)->tunnels.load();
  };
  if (algorithm != Algorithm::LeastConnections && choosing.tunnels == nullptr) {
    const auto& first = list[(random & 0xffffffff) % size];
    const auto& second = list[(random >> 32) % size];
    if (usable(first) && usable(second)) return second->load < first->load ? second : first;
  }
  // The least loaded of all; among equals, each with the same chance.
  const EndpointRef* best = nullptr;
  std::uint32_t least = 0;
  std::uint64_t equals = 0;
  for (const auto& candidate : list) {
    const auto load = load_of(candidate);
    if (best != nullptr && load > least) continue;
    if (!usable(candidate)) continue;
    equals = best != nullptr && load == least ? equals + 1 : 1;
    if (next_random(choosing.random_state) % equals == 0) best = &candidate;
    least = load;
  }
  return best == nullptr ? nullptr : *best;
}

/// Rendezvous hashing: every endpoint draws a number from the hash and its own identity, the
/// highest takes the request. When endpoints come or go, only their own share moves; no table is to
/// be built or kept, at a few nanoseconds an endpoint. Loads are bounded (Mirrokni et al. 2016).
EndpointRef Backend::by_hash(const List& list, const Choosing& choosing,
                             const Usable& usable) const {
  std::uint64_t total = 1;
  for (const auto& endpoint : list) total += endpoint->load;
  const auto bound = std::max(kAlwaysTaken, total * 5 / (4 * list.size()) + 1);
  const EndpointRef* best = nullptr;
  const EndpointRef* best_of_all = nullptr;
  std::uint64_t highest = 0;
  std::uint64_t highest_of_all = 0;
  for (const auto& candidate : list) {
    if (!usable(candidate)) continue;
    const auto drawn = mix(*choosing.hash ^ candidate->id_hash());
    if (best_of_all == nullptr || drawn > highest_of_all) {
      best_of_all = &candidate;
      highest_of_all = drawn;
    }
    if (choosing.may_overflow && candidate->load >= bound) continue;
    if (best == nullptr || drawn > highest) {
      best = &candidate;
      highest = drawn;
    }
  }
  if (best == nullptr) best = best_of_all;
  return best == nullptr ? nullptr : *best;
}

std::optional<std::uint32_t> Backend::mean_tunnels(TunnelRegistry& registry) const {
  if (ready_.size() < 2 || !draining_.empty()) return std::nullopt;
  if (std::ranges::any_of(ready_, [this](const auto& one) { return fails_checks(*one); })) {
    return std::nullopt;
  }
  std::uint64_t all = 0;
  for (const auto& endpoint : ready_) all += endpoint->shared(registry)->tunnels;
  return static_cast<std::uint32_t>(all / ready_.size());
}

EndpointRef Backend::find_by_cookie(std::string_view key) const {
  if (by_cookie_.empty()) {
    for (const auto* list : {&ready_, &draining_}) {
      for (const auto& endpoint : *list) by_cookie_.emplace(cookie_key_of(*endpoint), endpoint);
    }
  }
  const auto found = by_cookie_.find(std::string(key));
  if (found == by_cookie_.end()) return nullptr;
  const auto fails = [this](const EndpointRef& endpoint) { return fails_checks(*endpoint); };
  if (fails(found->second) && !std::ranges::all_of(ready_, fails)) return nullptr;
  return found->second;
}

std::string Backend::cookie_key_of(const Endpoint& endpoint) const {
  return md5_hex(from_->sticky_cookie->salt + endpoint.address_and_port());
}

const std::string& Backend::cookie_tag() const {
  if (cookie_tag_.empty()) {
    const auto& salt = from_->sticky_cookie->salt;
    cookie_tag_ = md5_hex(md5_hex(salt) + salt);
  }
  return cookie_tag_;
}

}  // namespace weir::proxy
