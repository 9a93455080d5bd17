#include "proxy/auth_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::proxy {

namespace {

/// Of each part its length first, so that no two lists of parts are the same bytes.
void add(std::string& bytes, std::string_view part) {
  bytes += std::to_string(part.size());
  bytes += ':';
  bytes += part;
}

}  // namespace

util::ContentHash AuthCache::key_of(const table::ExternalAuth& auth, std::string_view host,
                                    const table::PathMatch& match, std::string_view text) {
  std::string bytes;
  add(bytes, auth.backend);
  add(bytes, auth.host);
  add(bytes, auth.method);
  for (const auto& name : auth.response_headers) add(bytes, name);
  add(bytes, auth.signin.empty() ? "" : "signin");
  add(bytes, host);
  bytes += static_cast<char>('0' + static_cast<int>(match.kind));
  add(bytes, match.path);
  add(bytes, text);
  return util::hash_content({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

std::size_t AuthCache::HashOfKey::operator()(const util::ContentHash& key) const {
  std::size_t hash = 0;
  static_assert(sizeof hash <= sizeof key);
  std::memcpy(&hash, key.data(), sizeof hash);
  return hash;
}

std::optional<AuthVerdict> AuthCache::find(const util::ContentHash& key,
                                           const table::ExternalAuth& auth, TimePoint now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  const auto answer = found->second;
  if (answer->until <= now) {
    drop(answer);
    return std::nullopt;
  }
  answers_.splice(answers_.begin(), answers_, answer);
  AuthVerdict verdict;
  verdict.refused = answer->refused;
  verdict.challenges = answer->challenges;
  verdict.why = answer->why;
  for (std::size_t i = 0; i < answer->values.size(); ++i) {
    verdict.fields.push_back({auth.response_headers[i], answer->values[i]});
  }
  return verdict;
}

void AuthCache::put(const util::ContentHash& key, const AuthVerdict& verdict, TimePoint until) {
  if (const auto known = by_key_.find(key); known != by_key_.end()) drop(known->second);
  Answer answer;
  answer.key = key;
  answer.refused = verdict.refused;
  answer.challenges = verdict.challenges;
  answer.why = verdict.why;
  answer.until = until;
  answer.bytes = sizeof answer + answer.challenges.size() + answer.why.size();
  for (const auto& field : verdict.fields) {
    answer.values.push_back(field.value);
    answer.bytes += sizeof(std::string) + field.value.size();
  }
  bytes_ += answer.bytes;
  answers_.push_front(std::move(answer));
  by_key_.emplace(key, answers_.begin());
  while (answers_.size() > kMostAnswers || bytes_ > kMostBytes) drop(std::prev(answers_.end()));
}

void AuthCache::drop(Answers::iterator answer) {
  bytes_ -= answer->bytes;
  by_key_.erase(answer->key);
  answers_.erase(answer);
}

std::optional<std::chrono::milliseconds> cache_time_of(const table::ExternalAuth& auth,
                                                       const ResponseHead& head) {
  for (const auto& field : head.fields) {
    if (equal_ignoring_case(field.name, "Set-Cookie")) return std::nullopt;
    if (!equal_ignoring_case(field.name, "Cache-Control")) continue;
    bool is_kept_nowhere = false;
    for_each_token(field.value, [&](std::string_view token) {
      is_kept_nowhere = equal_ignoring_case(token, "no-store") ||
                        equal_ignoring_case(token, "no-cache") ||
                        equal_ignoring_case(token, "private");
      return !is_kept_nowhere;
    });
    if (is_kept_nowhere) return std::nullopt;
  }
  for (const auto& time : auth.cache_times) {
    if (std::ranges::binary_search(time.statuses, head.status)) {
      return std::chrono::milliseconds(time.ms);
    }
  }
  return std::nullopt;
}

}  // namespace weir::proxy
