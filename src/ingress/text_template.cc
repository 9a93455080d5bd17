#include "ingress/text_template.h"

#include <algorithm>
#include <charconv>

#include "ingress/names.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using table::TextPart;
using Source = TextPart::Source;

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// The name that follows '$', cut off; empty: there is none.
std::string_view cut_variable(std::string_view& text) {
  const bool braced = text.starts_with('{');
  if (braced) text.remove_prefix(1);
  const auto end = static_cast<std::size_t>(
      std::find_if_not(text.begin(), text.end(), is_name_byte) - text.begin());
  const auto name = text.substr(0, end);
  text.remove_prefix(end);
  if (!braced) return name;
  if (!text.starts_with('}')) return {};
  text.remove_prefix(1);
  return name;
}

std::optional<TextPart> part_of(std::string_view variable) {
  if (variable == "remote_addr" || variable == "binary_remote_addr") {
    return TextPart{Source::ClientAddress, {}};
  }
  if (variable == "host") return TextPart{Source::Host, {}};
  if (variable == "request_uri") return TextPart{Source::RequestUri, {}};
  if (variable == "escaped_request_uri") return TextPart{Source::EscapedUri, {}};
  if (variable == "scheme" || variable == "pass_access_scheme") return TextPart{Source::Scheme, {}};
  if (variable == "request_method") return TextPart{Source::Method, {}};
  if (variable == "remote_user") return TextPart{Source::User, {}};
  if (variable == "best_http_host") return TextPart{Source::Header, "host"};
  const auto rest = [&](std::string_view prefix) {
    return variable.size() > prefix.size() && variable.starts_with(prefix)
               ? std::string(variable.substr(prefix.size()))
               : std::string();
  };
  if (auto name = rest("http_"); !name.empty()) {
    std::ranges::replace(name, '_', '-');
    return TextPart{Source::Header, lower_case(name)};
  }
  if (auto name = rest("cookie_"); !name.empty()) return TextPart{Source::Cookie, std::move(name)};
  if (auto name = rest("arg_"); !name.empty()) return TextPart{Source::Argument, std::move(name)};
  return std::nullopt;
}

bool is_url_byte(char c) {
  constexpr std::string_view kOthers = "-._~:/?#[]@!&'()*+,;=%";
  return is_name_byte(c) || kOthers.find(c) != std::string_view::npos;
}

std::optional<std::vector<TextPart>> parse_parts(std::string_view text, bool (*is_literal)(char)) {
  std::vector<TextPart> parts;
  while (!text.empty()) {
    if (text.front() == '$') {
      text.remove_prefix(1);
      auto part = part_of(cut_variable(text));
      if (!part) return std::nullopt;
      parts.push_back(*std::move(part));
    } else {
      const auto end = static_cast<std::size_t>(
          std::find_if_not(text.begin(), text.end(), is_literal) - text.begin());
      if (end == 0) return std::nullopt;
      for (std::size_t at = 0; at < end; at += table::kMaxRuleText) {
        parts.push_back({Source::Literal,
                         std::string(text.substr(at, std::min(table::kMaxRuleText, end - at)))});
      }
      text.remove_prefix(end);
    }
    if (parts.size() > table::kMaxTextParts) return std::nullopt;
  }
  return parts;
}

/// Takes "host", "host:port" or "$host" off; what is left is the target.
bool take_authority(std::string_view& text, UrlTemplate& url) {
  // This variable begins with a slash: "https://a.example$request_uri".
  const auto end = std::min({text.find_first_of("/?#"), text.find("$request_uri"),
                             text.find("${request_uri}"), text.size()});
  const auto authority = text.substr(0, end);
  text.remove_prefix(end);
  if (authority == "$host" || authority == "$http_host" || authority == "$best_http_host" ||
      authority == "${host}") {
    return true;
  }
  const auto colon = authority.rfind(':');
  const auto host = authority.substr(0, colon);
  url.port = url.https ? 443 : 80;
  if (colon != std::string_view::npos) {
    const auto digits = authority.substr(colon + 1);
    const auto [last, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), url.port);
    if (error != std::errc{} || last != digits.data() + digits.size() || url.port == 0)
      return false;
  }
  url.authority = std::string(authority);
  url.host = lower_case(host);
  return is_valid_host(url.host) && !url.host.starts_with('*');
}

}  // namespace

std::optional<std::vector<TextPart>> parse_text_template(std::string_view text) {
  return parse_parts(text, [](char c) { return is_name_byte(c) || c == '-'; });
}

std::optional<std::vector<TextPart>> parse_url_text(std::string_view text) {
  return parse_parts(text, is_url_byte);
}

std::optional<std::vector<TextPart>> parse_header_value(std::string_view text) {
  return parse_parts(text, [](char c) { return c >= ' ' && c < 0x7f && c != '$'; });
}

std::optional<UrlTemplate> parse_url_template(std::string_view text) {
  UrlTemplate url;
  if (text.starts_with("https://")) {
    url.https = true;
    text.remove_prefix(8);
  } else if (text.starts_with("http://")) {
    text.remove_prefix(7);
  } else {
    return std::nullopt;
  }
  if (!take_authority(text, url)) return std::nullopt;
  const bool is_whole = text.starts_with('/') || text.starts_with("$request_uri") ||
                        text.starts_with("${request_uri}");
  const auto target = is_whole ? std::string(text) : '/' + std::string(text);
  auto parts = parse_url_text(target.substr(0, target.find('#')));
  if (!parts) return std::nullopt;
  url.target = *std::move(parts);
  return url;
}

}  // namespace weir::ingress
