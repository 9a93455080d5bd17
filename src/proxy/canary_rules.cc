#include "proxy/canary_rules.h"

#include <algorithm>
#include <string_view>

#include "proxy/text_parts.h"

namespace weir::proxy {

namespace {

/// "always" and "never" are words that settle it, for headers and cookies.
std::optional<bool> by_word(std::string_view value) {
  if (value == "always") return true;
  if (value == "never") return false;
  return std::nullopt;
}

/// nginx's variables, by which ingress-nginx reads headers, have "_" for "-".
bool is_same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const bool both_join = (x == '-' || x == '_') && (y == '-' || y == '_');
    return both_join || equal_ignoring_case({&x, 1}, {&y, 1});
  });
}

/// Whether the request has a cookie that weir, or ingress-nginx, has given out for this backend.
bool is_tied_to(const RequestHead& request, const Backend& backend) {
  const auto& cookie = backend.policy().sticky_cookie;
  if (!cookie) return false;
  const auto value = find_cookie(request, cookie->name);
  if (!value) return false;
  const auto mark = value->find('|');
  return mark != std::string_view::npos && value->substr(mark + 1) == backend.cookie_tag();
}

}  // namespace

CanaryRules::CanaryRules(const table::Canary& policy) : policy_(policy) {
  if (policy.header_pattern.empty()) return;
  auto compiled = util::Regex::compile(policy.header_pattern, util::Regex::Case::Heeded);
  if (!compiled) return;
  compiled->hasten();
  pattern_ = *std::move(compiled);
}

bool CanaryRules::takes(const RequestHead& request, const Backend* primary, const Backend& canary,
                        util::RegexMatcher& matcher, std::uint64_t& random_state) const {
  if (policy_.sticky) {
    if (is_tied_to(request, canary)) return true;
    if (primary != nullptr && is_tied_to(request, *primary)) return false;
  }
  if (!policy_.header.empty()) {
    if (const auto said = by_header(request, matcher)) return *said;
  }
  if (!policy_.cookie.empty()) {
    const auto said = by_word(find_cookie(request, policy_.cookie).value_or(std::string_view{}));
    if (said) return *said;
  }
  return policy_.weight != 0 && next_random(random_state) % policy_.weight_total < policy_.weight;
}

std::optional<bool> CanaryRules::by_header(const RequestHead& request,
                                           util::RegexMatcher& matcher) const {
  using Outcome = util::RegexMatcher::Outcome;
  const auto field = std::ranges::find_if(request.fields, [this](const Field& candidate) {
    return is_same_name(candidate.name, policy_.header);
  });
  if (field == request.fields.end()) return std::nullopt;
  if (!policy_.header_value.empty()) {
    return field->value == policy_.header_value ? std::optional(true) : std::nullopt;
  }
  if (policy_.header_pattern.empty()) return by_word(field->value);
  if (!pattern_) return false;
  switch (matcher.match(*pattern_, field->value)) {
    case Outcome::Match:
      return true;
    case Outcome::None:
      return std::nullopt;
    case Outcome::OverLimit:
      break;
  }
  return false;
}

}  // namespace weir::proxy
