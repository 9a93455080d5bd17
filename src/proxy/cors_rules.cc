#include "proxy/cors_rules.h"

#include <algorithm>

#include <fmt/format.h>

namespace weir::proxy {

namespace {

constexpr std::string_view kAllowOrigin = "Access-Control-Allow-Origin";

bool is_label(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
  });
}

/// `rule` as in table::Cors::origins. The whole origin must fit, its start as well as its end.
bool fits(std::string_view rule, std::string_view origin) {
  const auto star = rule.find('*');
  if (star == std::string_view::npos) return equal_ignoring_case(origin, rule);
  const auto before = rule.substr(0, star);
  const auto after = rule.substr(star + 1);
  if (origin.size() <= before.size() + after.size()) return false;
  const auto label = origin.substr(before.size(), origin.size() - before.size() - after.size());
  return equal_ignoring_case(origin.substr(0, before.size()), before) && is_label(label) &&
         equal_ignoring_case(origin.substr(origin.size() - after.size()), after);
}

}  // namespace

CorsRules::CorsRules(const table::Cors& cors)
    : any_origin_(cors.any_origin), origins_(cors.origins), names_{kAllowOrigin} {
  const auto add = [this](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    lines_ += fmt::format("{}: {}\r\n", name, value);
    names_.push_back(name);
  };
  if (any_origin_) lines_ = fmt::format("{}: *\r\n", kAllowOrigin);
  add("Access-Control-Allow-Credentials", cors.allow_credentials ? "true" : "");
  add("Access-Control-Allow-Methods", cors.allow_methods);
  add("Access-Control-Allow-Headers", cors.allow_headers);
  add("Access-Control-Expose-Headers", cors.expose_headers);
  add("Access-Control-Max-Age", std::to_string(cors.max_age_s));
}

bool CorsRules::allows(std::string_view origin) const {
  return std::ranges::any_of(origins_, [&](const auto& rule) { return fits(rule, origin); });
}

bool CorsRules::add_lines(const RequestHead& request, std::string& lines) const {
  if (!any_origin_) {
    const auto origin = std::ranges::find_if(request.fields, [](const Field& field) {
      return equal_ignoring_case(field.name, "Origin");
    });
    if (origin == request.fields.end() || !allows(origin->value)) return false;
    lines += kAllowOrigin;
    lines += ": ";
    lines += origin->value;
    lines += "\r\n";
  }
  lines += lines_;
  return true;
}

}  // namespace weir::proxy
