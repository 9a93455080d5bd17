#include "proxy/text_parts.h"

#include "proxy/basic_auth.h"

namespace weir::proxy {

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

std::string_view find_argument(std::string_view target, std::string_view name) {
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

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::string_view kPlain = "-._~";
  std::string result;
  result.reserve(text.size() + 16);
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       kPlain.find(c) != std::string_view::npos;
    if (plain) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += '%';
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

std::string user_of(const RequestHead& head) {
  auto credentials = read_credentials(head);
  return credentials ? std::move(credentials->name) : std::string();
}

std::string text_of(const std::vector<table::TextPart>& parts, const RequestParts& request) {
  std::string text;
  for_each_piece(parts, request, [&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace weir::proxy
