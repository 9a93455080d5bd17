#include "table/text_rules.h"

#include <algorithm>

#include "table/cbor.h"

namespace weir::table {

namespace {

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
    return false;
  }
  return std::ranges::all_of(label, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (;;) {
    const auto dot = name.find('.');
    if (!is_label(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_request_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

bool is_host_field(std::string_view text) {
  static constexpr std::string_view kOthers = "-_.:[]";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_upgrade_protocol(std::string_view text) {
  const auto slash = text.find('/');
  return is_token(text.substr(0, slash)) &&
         (slash == text.npos || is_token(text.substr(slash + 1)));
}

bool is_origin_rule(std::string_view rule) {
  if (rule == "same-host" || rule == "none") return true;
  const auto end = rule.find("://");
  if (end == std::string_view::npos || !is_token(rule.substr(0, end))) return false;
  auto host = rule.substr(end + 3);
  if (const auto colon = host.rfind(':'); colon != std::string_view::npos) {
    const auto port = host.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != port.npos) {
      return false;
    }
    host = host.substr(0, colon);
  }
  if (host.starts_with("*.")) host.remove_prefix(2);
  return is_host_name(host);
}

bool is_realm(std::string_view text) {
  static constexpr std::string_view kOthers = " -._~/:";
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

bool is_visible_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

bool is_cors_origin(std::string_view text) {
  return text == "null" || (text.find("://") != std::string_view::npos && is_origin_rule(text));
}

bool is_close_code(std::uint64_t code) {
  return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
         (code >= 3000 && code <= 4999);
}

bool is_close_reason(std::string_view reason) {
  return reason.size() <= kMaxCloseReason && cbor::is_utf8(reason);
}

}  // namespace weir::table
