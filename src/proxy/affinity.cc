#include "proxy/affinity.h"

#include <unistd.h>

#include <ctime>

#include <fmt/format.h>

#include "util/hash.h"

namespace weir::proxy {

namespace {

using Source = table::TextPart::Source;
using Mode = table::StickyCookie::Mode;

std::string_view query_argument(std::string_view target, std::string_view name) {
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return {};
  auto query = target.substr(mark + 1);
  while (!query.empty()) {
    const auto end = query.find('&');
    const auto argument = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (argument.starts_with(name) && argument.substr(name.size()).starts_with('=')) {
      return argument.substr(name.size() + 1);
    }
  }
  return {};
}

void add_header(util::Hash64& hash, const RequestHead& head, std::string_view name) {
  bool first = true;
  for (const auto& field : head.fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (!std::exchange(first, false)) hash.add(", ");
    hash.add(field.value);
  }
}

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
  for (const auto& part : parts) {
    switch (part.source) {
      case Source::Literal:
        hash.add(part.text);
        break;
      case Source::ClientAddress:
        hash.add(request.client_address);
        break;
      case Source::Host:
        hash.add(request.host);
        break;
      case Source::RequestUri:
        hash.add(request.head.path);
        break;
      case Source::Header:
        add_header(hash, request.head, part.text);
        break;
      case Source::Cookie:
        hash.add(find_cookie(request.head, part.text).value_or(std::string_view{}));
        break;
      case Source::Argument:
        hash.add(query_argument(request.head.path, part.text));
        break;
    }
  }
  return hash.value();
}

std::optional<std::string_view> find_cookie(const RequestHead& head, std::string_view name) {
  for (const auto& field : head.fields) {
    if (field.id != FieldName::Cookie) continue;
    auto rest = field.value;
    while (!rest.empty()) {
      const auto end = rest.find(';');
      auto pair = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
      while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t')) pair.remove_prefix(1);
      if (pair.starts_with(name) && pair.substr(name.size()).starts_with('=')) {
        return pair.substr(name.size() + 1);
      }
    }
  }
  return std::nullopt;
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
