#include "util/regex.h"

#include <new>

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace weir::util {

namespace {

constexpr std::uint32_t kGroups = 10;
/// Steps back that a match may take: what people write takes a few dozen.
constexpr std::uint32_t kMatchLimit = 100'000;
constexpr std::uint32_t kHeapLimitKib = 1024;  // without machine code
constexpr std::size_t kFirstStack = 32 * 1024;
constexpr std::size_t kMostStack = 256 * 1024;

}  // namespace

void Regex::Free::operator()(pcre2_real_code_8* code) const {
  pcre2_code_free(code);
}

Regex::Regex(pcre2_real_code_8* code) : code_(code) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

Result<Regex> Regex::compile(std::string_view pattern, Case letters) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::uint32_t options = PCRE2_NEVER_UTF | (letters == Case::Ignored ? PCRE2_CASELESS : 0U);
  auto* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                             &error, &offset, nullptr);
  if (code != nullptr) return Regex(code);
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(error, text, sizeof text);
  return malformed(fmt::format("{} (at byte {})", reinterpret_cast<const char*>(text), offset));
}

void Regex::hasten() {
  pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
}

std::optional<Result<Regex>> compile_map_pattern(std::string_view text) {
  if (text.starts_with("~*")) return Regex::compile(text.substr(2));
  if (text.starts_with('~')) return Regex::compile(text.substr(1), Regex::Case::Heeded);
  return std::nullopt;
}

void RegexMatcher::Free::operator()(pcre2_real_jit_stack_8* stack) const {
  pcre2_jit_stack_free(stack);
}

void RegexMatcher::Free::operator()(pcre2_real_match_context_8* limits) const {
  pcre2_match_context_free(limits);
}

void RegexMatcher::Free::operator()(pcre2_real_match_data_8* data) const {
  pcre2_match_data_free(data);
}

RegexMatcher::RegexMatcher() = default;
RegexMatcher::~RegexMatcher() = default;

void RegexMatcher::prepare() {
  data_.reset(pcre2_match_data_create(kGroups, nullptr));
  limits_.reset(pcre2_match_context_create(nullptr));
  if (data_ == nullptr || limits_ == nullptr) throw std::bad_alloc();
  pcre2_set_match_limit(limits_.get(), kMatchLimit);
  pcre2_set_heap_limit(limits_.get(), kHeapLimitKib);
  // nullptr where the system allows no machine code, and then it is not asked for either.
  stack_.reset(pcre2_jit_stack_create(kFirstStack, kMostStack, nullptr));
  if (stack_ != nullptr) pcre2_jit_stack_assign(limits_.get(), nullptr, stack_.get());
}

RegexMatcher::Outcome RegexMatcher::match(const Regex& regex, std::string_view subject) {
  if (data_ == nullptr || limits_ == nullptr) prepare();
  groups_ = 0;
  const int result = pcre2_match(regex.code_.get(), reinterpret_cast<PCRE2_SPTR>(subject.data()),
                                 subject.size(), 0, PCRE2_NO_UTF_CHECK, data_.get(), limits_.get());
  if (result == PCRE2_ERROR_NOMATCH) return Outcome::None;
  if (result < 0) return Outcome::OverLimit;
  subject_ = subject;
  // 0: there are more groups than room for them.
  groups_ = result == 0 ? kGroups : static_cast<std::size_t>(result);
  return Outcome::Match;
}

std::string_view RegexMatcher::group(std::size_t number) const {
  if (number >= groups_) return {};
  const auto* ends = pcre2_get_ovector_pointer(data_.get()) + 2 * number;
  // \K can put a match's start behind its end.
  if (ends[0] == PCRE2_UNSET || ends[0] > ends[1]) return {};
  return subject_.substr(ends[0], ends[1] - ends[0]);
}

}  // namespace weir::util
