#include "proxy/rewrite.h"

#include <algorithm>

namespace weir::proxy {

namespace {

/// What nginx leaves as it is in a URI (NGX_ESCAPE_URI since 1.21.1).
bool is_plain(char c) {
  constexpr std::string_view kEscaped = "\"#%<>?\\^`{|}";
  return c > ' ' && c < 0x7f && kEscaped.find(c) == std::string_view::npos;
}

void add_escaped(std::string_view bytes, std::string& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const char c : bytes) {
    if (is_plain(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

}  // namespace

std::string fill_in(std::string_view text, const util::RegexMatcher& matcher) {
  std::string out;
  while (!text.empty()) {
    if (text.size() > 1 && text[0] == '$' && text[1] >= '1' && text[1] <= '9') {
      add_escaped(matcher.group(static_cast<std::size_t>(text[1] - '0')), out);
      text.remove_prefix(2);
      continue;
    }
    const auto end = std::min(text.find('$', 1), text.size());
    add_escaped(text.substr(0, end), out);
    text.remove_prefix(end);
  }
  return out;
}

void rewrite_target(const table::Rewrite& rewrite, const util::RegexMatcher& matcher,
                    Exchange& exchange) {
  if (rewrite.path.empty()) return;
  const auto& request = exchange.request;
  exchange.target = fill_in(rewrite.path, matcher);
  // A group may have taken nothing, or a path without its slash.
  if (!exchange.target.starts_with('/')) exchange.target.insert(0, 1, '/');
  if (const auto query = request.path.find('?'); query != std::string_view::npos) {
    exchange.target += request.path.substr(query);
  }
  if (!rewrite.prefix.empty()) {
    exchange.field_edits.push_back({"X-Forwarded-Prefix", fill_in(rewrite.prefix, matcher)});
  }
}

}  // namespace weir::proxy
