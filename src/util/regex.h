#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "util/result.h"

struct pcre2_real_code_8;
struct pcre2_real_jit_stack_8;
struct pcre2_real_match_context_8;
struct pcre2_real_match_data_8;

namespace weir::util {

/// A regular expression in PCRE2's language, over bytes.
/// Immutable once made; any number of threads match by it, each with a RegexMatcher of its own.
class Regex {
 public:
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  enum class Case : std::uint8_t { Ignored, Heeded };

  /// Malformed: it is no regular expression, or too large a one; says why and where.
  static Result<Regex> compile(std::string_view pattern, Case letters = Case::Ignored);

  /// Makes machine code of it, so that matching takes a tenth of the time. Costs as much as ten
  /// compilations. Where the system allows none, nothing changes.
  void hasten();

 private:
  friend class RegexMatcher;
  explicit Regex(pcre2_real_code_8* code);

  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

/// As nginx's `map` tells patterns from texts: "~pattern", or "~*pattern" for which upper and lower
/// case are one. nullopt: it is a text.
std::optional<Result<Regex>> compile_map_pattern(std::string_view text);

/// What matching needs, and what the last match took. Of one thread. Allocates at the first match
/// and then no more.
class RegexMatcher {
 public:
  enum class Outcome : std::uint8_t {
    Match,
    None,
    /// Nobody knows: to find out takes more steps or memory than anybody gets. A pattern that asks
    /// for that costs some milliseconds.
    OverLimit,
  };

  RegexMatcher();
  ~RegexMatcher();
  RegexMatcher(const RegexMatcher&) = delete;
  RegexMatcher& operator=(const RegexMatcher&) = delete;

  Outcome match(const Regex& regex, std::string_view subject);
  /// Of the last Match, whose subject is still there: what the group took, 0 being all of the
  /// match. Empty if the group took no part or there is none, as for 10 and above.
  std::string_view group(std::size_t number) const;

 private:
  struct Free {
    void operator()(pcre2_real_jit_stack_8* stack) const;
    void operator()(pcre2_real_match_context_8* limits) const;
    void operator()(pcre2_real_match_data_8* data) const;
  };
  void prepare();

  std::unique_ptr<pcre2_real_jit_stack_8, Free> stack_;
  std::unique_ptr<pcre2_real_match_context_8, Free> limits_;
  std::unique_ptr<pcre2_real_match_data_8, Free> data_;
  std::string_view subject_;
  std::size_t groups_ = 0;
};

}  // namespace weir::util
