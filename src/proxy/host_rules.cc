#include "proxy/host_rules.h"

#include <algorithm>

namespace weir::proxy {

namespace {

std::optional<util::Regex> make_pattern(const std::string& text) {
  auto compiled = util::Regex::compile(text);
  if (!compiled) return std::nullopt;
  compiled->hasten();
  return *std::move(compiled);
}

}  // namespace

std::shared_ptr<const HostRules> HostRules::make(const table::Host& host) {
  const bool has_rules = !std::ranges::all_of(
      host.routes, [](const table::Route& route) { return route.rules.is_usual(); });
  const bool has_patterns =
      !host.routes.empty() && host.routes.front().match.kind == table::PathMatch::Kind::Regex;
  const bool has_subject =
      host.client_certificates && !host.client_certificates->subject_pattern.empty();
  if (!has_rules && !has_patterns && !has_subject) return nullptr;
  auto made = std::make_shared<HostRules>();
  // Upper and lower case are two there, as in nginx.
  if (has_subject)
    made->subject_ = make_pattern("(?-i)" + host.client_certificates->subject_pattern);
  if (has_rules) made->routes_.reserve(host.routes.size());
  if (has_patterns) made->patterns_.reserve(host.routes.size());
  for (const auto& route : host.routes) {
    const auto& access = route.rules->access;
    if (has_rules) {
      auto& rules = made->routes_.emplace_back();
      rules.is_guarded = access != table::Access{} || route.rules->limits;
      rules.access = AccessRules(access);
      if (route.rules->cors) rules.cors.emplace(*route.rules->cors);
      if (route.rules->limits) rules.limits.emplace(*route.rules->limits);
      if (route.rules->canary) rules.canary.emplace(*route.rules->canary);
      rules.response_fields = FieldRules(route.rules->response_fields);
      rules.edits_requests = route.rules->mirror || !route.rules->via.empty() ||
                             route.rules->speaks_http_1_0 || route.rules->close_endpoints;
      if (!route.rules->via.empty()) rules.via = "Via: 1.1 " + route.rules->via + "\r\n";
      if (route.rules->error_pages || !route.rules->fallback.empty()) {
        rules.errors = ErrorContext(route);
      }
    }
    if (has_patterns) made->patterns_.push_back(make_pattern('^' + route.match.path));
  }
  return made;
}

bool HostRules::takes_subject(std::string_view subject, util::RegexMatcher& matcher) const {
  return subject_ && matcher.match(*subject_, subject) == util::RegexMatcher::Outcome::Match;
}

FoundRoute HostRules::find_route(const table::Host& host, std::string_view path,
                                 util::RegexMatcher& matcher) const {
  using Outcome = util::RegexMatcher::Outcome;
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    if (!patterns_[i]) continue;
    const auto outcome = matcher.match(*patterns_[i], path);
    if (outcome == Outcome::Match) return {&host.routes[i], false};
    if (outcome == Outcome::OverLimit) return {nullptr, true};
  }
  return {};
}

}  // namespace weir::proxy
