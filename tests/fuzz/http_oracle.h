#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// HTTP/1.1 read a second time, slowly and from the RFC's grammar alone: what weir takes, this must
/// take with the same meaning. It shares no code with src/proxy.
namespace weir::fuzz {

struct NaiveHead {
  enum class Framing { None, Length, Chunked, UntilClose };

  std::string first;   // method or version
  std::string second;  // target or status
  int version = 0;     // 10 or 11
  std::vector<std::pair<std::string, std::string>> fields;
  Framing framing = Framing::None;
  std::uint64_t length = 0;
};

inline bool is_tchar(char c) {
  const std::string_view other = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         other.find(c) != std::string_view::npos;
}

inline bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!is_tchar(c)) return false;
  }
  return !text.empty();
}

/// VCHAR, obs-text, SP and HTAB.
inline bool is_text(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0x7f || (byte < 0x20 && byte != '\t')) return false;
  }
  return true;
}

inline std::string lower(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

inline std::string trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

inline std::optional<int> naive_version(std::string_view text) {
  if (text == "HTTP/1.1") return 11;
  if (text == "HTTP/1.0") return 10;
  return std::nullopt;
}

/// RFC 9112 §6.3, but for what the status says.
inline bool naive_framing(NaiveHead& head, NaiveHead::Framing otherwise) {
  std::vector<std::string> lengths;
  std::vector<std::string> encodings;
  for (const auto& [name, value] : head.fields) {
    if (lower(name) == "content-length") lengths.push_back(value);
    if (lower(name) == "transfer-encoding") encodings.push_back(value);
  }
  if (lengths.size() + encodings.size() > 1) return false;
  head.framing = otherwise;
  if (!encodings.empty()) {
    head.framing = NaiveHead::Framing::Chunked;
    return lower(encodings[0]) == "chunked" && head.version == 11;
  }
  if (!lengths.empty()) {
    if (lengths[0].empty()) return false;
    for (const char c : lengths[0]) {
      if (c < '0' || c > '9' || head.length > (UINT64_MAX - 9) / 10) return false;
      head.length = head.length * 10 + static_cast<std::uint64_t>(c - '0');
    }
    head.framing = head.length == 0 ? NaiveHead::Framing::None : NaiveHead::Framing::Length;
  }
  return true;
}

/// `bytes` is one head with its empty line.
inline std::optional<NaiveHead> naive_head(std::string_view bytes, bool request, bool no_body) {
  std::vector<std::string> lines;
  while (!bytes.empty()) {
    const auto end = bytes.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    lines.emplace_back(bytes.substr(0, end));
    if (!is_text(lines.back())) return std::nullopt;
    bytes.remove_prefix(end + 2);
  }
  if (lines.size() < 2 || !lines.back().empty()) return std::nullopt;
  lines.pop_back();

  NaiveHead head;
  const std::string line = lines.front();
  const auto space = line.find(' ');
  if (space == std::string::npos) return std::nullopt;
  head.first = line.substr(0, space);
  if (request) {
    const auto last = line.rfind(' ');
    if (last == space) return std::nullopt;
    head.second = line.substr(space + 1, last - space - 1);
    const auto version = naive_version(line.substr(last + 1));
    if (!version || !is_token(head.first) || head.second.empty() ||
        head.second.find_first_of(" \t#") != std::string::npos) {
      return std::nullopt;
    }
    head.version = *version;
  } else {
    const auto version = naive_version(head.first);
    head.second = line.substr(space + 1, 3);
    if (!version || line.size() < space + 5 || line[space + 4] != ' ' ||
        head.second.find_first_not_of("0123456789") != std::string::npos || head.second < "100" ||
        head.second > "599") {
      return std::nullopt;
    }
    head.version = *version;
  }
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    if (colon == std::string::npos || !is_token(lines[i].substr(0, colon))) return std::nullopt;
    head.fields.emplace_back(lines[i].substr(0, colon), trim(lines[i].substr(colon + 1)));
  }
  if (!naive_framing(head, request ? NaiveHead::Framing::None : NaiveHead::Framing::UntilClose)) {
    return std::nullopt;
  }
  if (!request &&
      (no_body || head.second < "200" || head.second == "204" || head.second == "304")) {
    head.framing = NaiveHead::Framing::None;
    head.length = 0;
  }
  if (request) {
    std::size_t hosts = 0;
    for (const auto& field : head.fields) hosts += lower(field.first) == "host";
    if (hosts > 1 || (hosts == 0 && head.version == 11)) return std::nullopt;
  }
  return head;
}

struct NaiveChunks {
  enum class Verdict { Done, Malformed, Incomplete };
  Verdict verdict = Verdict::Incomplete;
  std::string content;   // so far
  std::size_t used = 0;  // with Done
};

/// Reads the whole body as far as it goes; the bounds are those that docs/http.md names.
inline NaiveChunks naive_chunks(std::string_view bytes) {
  NaiveChunks result;
  std::size_t at = 0;
  const auto stop = [&](NaiveChunks::Verdict verdict) {
    result.verdict = verdict;
    result.used = at;
    return result;
  };
  const auto over = [&] { return at == bytes.size(); };
  const auto incomplete = NaiveChunks::Verdict::Incomplete;
  const auto malformed = NaiveChunks::Verdict::Malformed;
  for (;;) {
    std::uint64_t size = 0;
    std::size_t digits = 0;
    for (; !over(); ++at, ++digits) {
      const auto digit = std::string_view("0123456789abcdef").find(lower(bytes.substr(at, 1)));
      if (digit == std::string_view::npos) break;
      size = size * 16 + digit;
      if (digits == 32 || size >> 60 != 0) return stop(malformed);
    }
    if (over()) return stop(incomplete);
    if (digits == 0) return stop(malformed);
    if (bytes[at] == ';') {
      ++at;
      for (std::size_t extension = 0; !over() && bytes[at] != '\r'; ++at) {
        if (++extension > 256 || !is_text(bytes.substr(at, 1))) return stop(malformed);
      }
      if (over()) return stop(incomplete);
    }
    for (const char expected : {'\r', '\n'}) {
      if (over()) return stop(incomplete);
      if (bytes[at] != expected) return stop(malformed);
      ++at;
    }
    if (size == 0) break;
    const auto here = bytes.substr(at, size);
    result.content += here;
    at += here.size();
    for (const char expected : {'\r', '\n'}) {
      if (over()) return stop(incomplete);
      if (bytes[at] != expected) return stop(malformed);
      ++at;
    }
  }
  for (std::size_t trailers = 0;;) {
    if (over()) return stop(incomplete);
    if (bytes[at] == '\r') {
      ++at;
      if (over()) return stop(incomplete);
      if (bytes[at] != '\n') return stop(malformed);
      ++at;
      return stop(NaiveChunks::Verdict::Done);
    }
    const auto name_start = at;
    for (; !over() && bytes[at] != ':'; ++at) {
      if (++trailers > 8192 || !is_tchar(bytes[at])) return stop(malformed);
    }
    if (over()) return stop(incomplete);
    const auto name = lower(bytes.substr(name_start, at - name_start));
    if (name.empty() || ++trailers > 8192 || name == "x-real-ip" || name == "x-scheme" ||
        name.starts_with("x-forwarded-") || name.starts_with("x-original-forwarded")) {
      return stop(malformed);
    }
    for (const std::string_view refused :
         {"content-length", "transfer-encoding", "host", "connection", "upgrade", "te", "trailer",
          "authorization", "cookie", "set-cookie", "content-encoding", "content-type",
          "content-range", "expect"}) {
      if (name == refused) return stop(malformed);
    }
    for (++at; !over() && bytes[at] != '\r'; ++at) {
      if (++trailers > 8192 || !is_text(bytes.substr(at, 1))) return stop(malformed);
    }
    for (const char expected : {'\r', '\n'}) {
      if (over()) return stop(incomplete);
      if (bytes[at] != expected) return stop(malformed);
      ++at;
    }
  }
}

}  // namespace weir::fuzz
