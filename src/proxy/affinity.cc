#include "proxy/affinity.h"

#include <unistd.h>

#include <ctime>

#include <fmt/format.h>

#include "util/hash.h"

namespace weir::proxy {

namespace {

using Mode = table::StickyCookie::Mode;

std::uint64_t hash_of(std::string_view text) {
  util::Hash64 hash;
  hash.add(text);
  return hash.value();
}

/// "Thu, 01 Jan 1970 00:00:00 GMT", whatever the locale (RFC 9110 §5.6.7).
std::string http_date(std::chrono::system_clock::time_point when) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto time = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday], parts.tm_mday,
                     kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min,
                     parts.tm_sec);
}

}  // namespace

std::uint64_t hash_of(const std::vector<table::TextPart>& parts, const RequestParts& request) {
  util::Hash64 hash;
  for_each_piece(parts, request, [&](std::string_view piece) { hash.add(piece); });
  return hash.value();
}

void Affinity::draw_key(std::uint64_t& random_state) {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  new_key = fmt::format("{}.{:03}.{}.{}", now / 1000, now % 1000, ::getpid(),
                        next_random(random_state) % 1'000'000);
  hash = hash_of(new_key);
}

Affinity affinity_of(const Backend& backend, const RequestParts& request,
                     std::uint64_t& random_state) {
  Affinity affinity;
  const auto& policy = backend.policy();
  if (const auto& cookie = policy.sticky_cookie) {
    auto key = find_cookie(request.head, cookie->name).value_or(std::string_view{});
    key = key.substr(0, key.find('|'));
    if (cookie->mode == Mode::Persistent) {
      if (!key.empty()) affinity.endpoint = backend.find_by_cookie(key);
      affinity.is_sticky = affinity.endpoint != nullptr;
      return affinity;
    }
    affinity.is_sticky = !key.empty();
    if (affinity.is_sticky) {
      affinity.hash = hash_of(key);
    } else {
      affinity.draw_key(random_state);
    }
    affinity.may_overflow = false;  // a session is worth more than an even load
    return affinity;
  }
  if (policy.balancing.algorithm == table::Balancing::Algorithm::Hash) {
    affinity.hash = hash_of(policy.balancing.hash_key, request);
  }
  return affinity;
}

std::string set_cookie_line(const Backend& backend, const Affinity& affinity,
                            const EndpointRef& endpoint, std::string_view route_path, bool https,
                            std::chrono::system_clock::time_point now) {
  using SameSite = table::StickyCookie::SameSite;
  const auto& cookie = *backend.policy().sticky_cookie;
  const bool persistent = cookie.mode == Mode::Persistent;
  if (affinity.is_sticky && (!persistent || affinity.endpoint == endpoint)) return {};
  const auto key = persistent ? backend.cookie_key_of(*endpoint) : affinity.new_key;
  auto line = fmt::format("Set-Cookie: {}={}|{}", cookie.name, key, backend.cookie_tag());
  if (cookie.expires_s)
    line += "; Expires=" + http_date(now + std::chrono::seconds(*cookie.expires_s));
  if (cookie.max_age_s) line += fmt::format("; Max-Age={}", *cookie.max_age_s);
  if (!cookie.domain.empty()) line += "; Domain=" + cookie.domain;
  line += "; Path=";
  // A path may have a ";", which would end the attribute.
  line += cookie.path.empty() ? route_path.substr(0, route_path.find(';'))
                              : std::string_view(cookie.path);
  if (https || cookie.always_secure) line += "; Secure";
  line += "; HttpOnly";
  switch (cookie.same_site) {
    case SameSite::Unset:
      break;
    case SameSite::None:
      line += "; SameSite=None";
      break;
    case SameSite::Lax:
      line += "; SameSite=Lax";
      break;
    case SameSite::Strict:
      line += "; SameSite=Strict";
      break;
  }
  return line + "\r\n";
}

}  // namespace weir::proxy
