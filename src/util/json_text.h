#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

/// JSON that is written and never read here: log lines and answers to operators.
namespace weir::util {

/// Appends `text` as a string with its quotes (RFC 8259 §7). A byte that is no part of UTF-8
/// becomes U+FFFD, and control characters, those of U+0080 on included, are escaped: the line stays
/// one line, and harmless on a terminal.
void append_json_string(std::string& out, std::string_view text);

/// "2026-11-21T10:00:00.123Z" (RFC 3339).
std::string utc_text(std::chrono::system_clock::time_point time);

/// Appends an object, member by member, to a string that outlives it. Names are literals that need
/// no escaping.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }

  JsonObject& text(std::string_view name, std::string_view value);
  JsonObject& number(std::string_view name, std::uint64_t value);
  JsonObject& boolean(std::string_view name, bool value);
  /// What follows is the member's value, which the caller appends.
  JsonObject& name(std::string_view name);
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace weir::util
