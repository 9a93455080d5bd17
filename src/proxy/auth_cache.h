#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "proxy/counters.h"
#include "proxy/external_auth.h"
#include "proxy/timer_wheel.h"
#include "table/table.h"
#include "util/hash.h"

namespace weir::proxy {

/// What auth services have answered, for requests that are to be told the same (auth-cache-key).
/// One worker's, for its thread. Holds so many answers and bytes of them at most; the one that was
/// not used for the longest time goes first.
class AuthCache {
 public:
  using TimePoint = TimerWheel::TimePoint;
  static constexpr std::size_t kMostAnswers = 4096;
  static constexpr std::size_t kMostBytes = 8 * 1024 * 1024;

  /// The answers are looked up by this: of the service and what was read of its answers, of the
  /// route, and of the request what the route says.
  static util::ContentHash key_of(const table::ExternalAuth& auth, std::string_view host,
                                  const table::PathMatch& match, std::string_view text);

  /// Nothing: there is none that still counts. `auth` is the one of the key.
  std::optional<AuthVerdict> find(const util::ContentHash& key, const table::ExternalAuth& auth,
                                  TimePoint now);
  void put(const util::ContentHash& key, const AuthVerdict& verdict, TimePoint until);

  std::size_t size() const { return answers_.size(); }

 private:
  struct Answer {
    util::ContentHash key{};
    std::optional<AnswerReason> refused;
    std::vector<std::string> values;  // of the fields
    std::string challenges;
    std::string why;
    TimePoint until;
    std::size_t bytes = 0;
  };
  using Answers = std::list<Answer>;  // the last used at the front
  /// The key is as good as random.
  struct HashOfKey {
    std::size_t operator()(const util::ContentHash& key) const;
  };

  void drop(Answers::iterator answer);

  Answers answers_;
  boost::unordered_flat_map<util::ContentHash, Answers::iterator, HashOfKey> by_key_;
  std::size_t bytes_ = 0;
};

/// For how long an answer counts; nothing: it is not kept. One that sets a cookie, or that its
/// sender wants kept nowhere (RFC 9111 §5.2.2), is not.
std::optional<std::chrono::milliseconds> cache_time_of(const table::ExternalAuth& auth,
                                                       const ResponseHead& head);

}  // namespace weir::proxy
