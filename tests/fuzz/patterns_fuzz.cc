#include <cstdint>
#include <string_view>

#include "fuzz/check.h"
#include "util/regex.h"

// The first line is a pattern, the rest what it is matched against: as an Ingress's path and a
// request's, or as a list of nginx's map. Any pair ends soon, and groups are parts of the subject.

namespace {

using weir::fuzz::check;
using weir::util::Regex;
using weir::util::RegexMatcher;

bool is_part(std::string_view group, std::string_view subject) {
  return group.empty() || (group.data() >= subject.data() &&
                           group.data() + group.size() <= subject.data() + subject.size());
}

void try_match(Regex regex, std::string_view subject) {
  static RegexMatcher matcher;
  const auto slow = matcher.match(regex, subject);
  if (slow == RegexMatcher::Outcome::Match) {
    for (std::size_t i = 0; i < 12; ++i) check(is_part(matcher.group(i), subject), "a stray group");
    check(matcher.group(10).empty(), "a group that is none");
  }
  regex.hasten();
  const auto fast = matcher.match(regex, subject);
  const bool any_limit =
      slow == RegexMatcher::Outcome::OverLimit || fast == RegexMatcher::Outcome::OverLimit;
  check(slow == fast || any_limit, "machine code that comes to something else");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = bytes.find('\n');
  const auto pattern = bytes.substr(0, end);
  const auto subject = end == std::string_view::npos ? std::string_view() : bytes.substr(end + 1);
  for (const auto letters : {Regex::Case::Ignored, Regex::Case::Heeded}) {
    if (auto regex = Regex::compile(pattern, letters)) try_match(*std::move(regex), subject);
  }
  if (auto listed = weir::util::compile_map_pattern(pattern); listed && *listed) {
    try_match(**std::move(listed), subject);
  }
  return 0;
}
