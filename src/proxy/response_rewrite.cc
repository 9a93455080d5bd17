#include "proxy/response_rewrite.h"

#include <algorithm>
#include <optional>

namespace weir::proxy {

namespace {

using Replacements = std::vector<table::Replacement>;

/// A part of a text, and what it becomes.
struct Change {
  std::string_view old;
  std::string with;
};

/// Of a text that begins with one of them.
std::optional<Change> change_start(const Replacements& replacements, std::string_view text,
                                   const RequestParts& request) {
  for (const auto& replacement : replacements) {
    if (text.starts_with(replacement.from)) {
      return Change{text.substr(0, replacement.from.size()), text_of(replacement.to, request)};
    }
  }
  return std::nullopt;
}

std::optional<Change> change_domain(const Replacements& replacements, std::string_view domain,
                                    const RequestParts& request) {
  // RFC 6265 §5.2.3: a dot in front says nothing.
  if (domain.starts_with('.')) domain.remove_prefix(1);
  for (const auto& replacement : replacements) {
    if (equal_ignoring_case(domain, replacement.from)) {
      return Change{domain, text_of(replacement.to, request)};
    }
  }
  return std::nullopt;
}

std::string_view without_blanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// `value` with the changes, which are of parts of it, in their order.
std::string with_changes(std::string_view value, const std::vector<Change>& changes) {
  std::string text;
  for (const auto& change : changes) {
    const auto start = static_cast<std::size_t>(change.old.data() - value.data());
    text += value.substr(0, start);
    text += change.with;
    value.remove_prefix(start + change.old.size());
  }
  return text += value;
}

/// Of Set-Cookie (RFC 6265 §5.2): attributes behind the name and value.
std::vector<Change> changes_of_cookie(const table::ResponseRewrite& rewrite,
                                      std::string_view cookie, const RequestParts& request) {
  std::vector<Change> changes;
  auto rest = cookie;
  while (rest.find(';') != std::string_view::npos) {
    rest.remove_prefix(rest.find(';') + 1);
    const auto attribute = rest.substr(0, rest.find(';'));
    const auto equals = attribute.find('=');
    if (equals == std::string_view::npos) continue;
    const auto name = without_blanks(attribute.substr(0, equals));
    const auto value = without_blanks(attribute.substr(equals + 1));
    std::optional<Change> change;
    if (equal_ignoring_case(name, "Domain")) {
      change = change_domain(rewrite.cookie_domains, value, request);
    } else if (equal_ignoring_case(name, "Path")) {
      change = change_start(rewrite.cookie_paths, value, request);
    }
    if (change) changes.push_back(*std::move(change));
  }
  return changes;
}

/// "5; url=http://a/": what stands behind "url=". Empty: there is none.
std::string_view url_of_refresh(std::string_view value) {
  constexpr std::string_view kUrl = "url=";
  for (std::size_t i = 0; i + kUrl.size() <= value.size(); ++i) {
    if (equal_ignoring_case(value.substr(i, kUrl.size()), kUrl))
      return value.substr(i + kUrl.size());
  }
  return {};
}

std::vector<Change> changes_of(const table::ResponseRewrite& rewrite, const Field& field,
                               const RequestParts& request) {
  if (equal_ignoring_case(field.name, "Set-Cookie")) {
    return changes_of_cookie(rewrite, field.value, request);
  }
  std::string_view url;
  if (equal_ignoring_case(field.name, "Refresh")) {
    url = url_of_refresh(field.value);
  } else if (equal_ignoring_case(field.name, "Location") ||
             equal_ignoring_case(field.name, "Content-Location") ||
             equal_ignoring_case(field.name, "URI")) {
    url = field.value;
  }
  auto change = change_start(rewrite.locations, url, request);
  return change ? std::vector<Change>{*std::move(change)} : std::vector<Change>{};
}

}  // namespace

void rewrite_response(const table::ResponseRewrite& rewrite, const RequestParts& request,
                      ResponseHead& head, std::list<std::string>& lines) {
  for (auto& field : head.fields) {
    if (field.hop_by_hop || field.id != FieldName::Other) continue;
    const auto changes = changes_of(rewrite, field, request);
    if (changes.empty()) continue;
    auto& line = lines.emplace_back(field.name);
    line += ": ";
    line += with_changes(field.value, changes);
    line += "\r\n";
    field.line = line;
    field.value = field.line.substr(field.name.size() + 2);
    field.value.remove_suffix(2);
  }
}

}  // namespace weir::proxy
