#include "proxy/header_rules.h"

#include <algorithm>

namespace weir::proxy {

namespace {

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::any_of(
      names, [&](std::string_view other) { return equal_ignoring_case(name, other); });
}

bool frames_or_routes(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "Connection", "Content-Length",    "Expect", "Host", "Keep-Alive", "Proxy-Connection", "TE",
      "Trailer",    "Transfer-Encoding", "Upgrade"};
  return is_one_of(name, kNames);
}

}  // namespace

FieldRules::FieldRules(const std::vector<table::HeaderField>& fields) {
  for (const auto& field : fields) {
    if (!frames_or_routes(field.name)) fields_.push_back(field);
  }
}

void FieldRules::add_lines(const RequestParts& request, std::string& lines,
                           std::vector<std::string_view>& names) const {
  for (const auto& field : fields_) {
    if (is_one_of(field.name, names)) continue;
    names.emplace_back(field.name);
    const auto value = text_of(field.value, request);
    if (value.empty()) continue;
    lines += field.name;
    lines += ": ";
    lines += value;
    lines += "\r\n";
  }
}

void FieldRules::add_edits(const RequestParts& request, std::vector<FieldEdit>& edits) const {
  for (const auto& field : fields_) {
    const auto found = std::ranges::find_if(
        edits, [&](const FieldEdit& edit) { return equal_ignoring_case(edit.name, field.name); });
    if (found == edits.end()) {
      edits.push_back({field.name, text_of(field.value, request)});
    } else if (found->value.empty()) {
      found->value = text_of(field.value, request);
    }
  }
}

bool FieldRules::has_forwarded() const {
  static constexpr std::string_view kForwarded[] = {"X-Request-ID",
                                                    "X-Forwarded-For",
                                                    "X-Real-IP",
                                                    "X-Forwarded-Host",
                                                    "X-Forwarded-Port",
                                                    "X-Forwarded-Proto",
                                                    "X-Forwarded-Scheme",
                                                    "X-Scheme",
                                                    "X-Original-Forwarded-For",
                                                    "X-Original-Forwarded-Host"};
  return std::ranges::any_of(fields_,
                             [](const auto& field) { return is_one_of(field.name, kForwarded); });
}

}  // namespace weir::proxy
