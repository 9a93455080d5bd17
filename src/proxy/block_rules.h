#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/client_address.h"
#include "proxy/http_head.h"
#include "table/table.h"
#include "util/regex.h"

namespace weir::proxy {

/// Texts and patterns, as table::Blocked has them.
class TextRules {
 public:
  explicit TextRules(const std::vector<std::string>& rules);

  bool empty() const { return whole_.empty() && patterns_.empty(); }
  /// A pattern that nobody can tell within its limits whether it matches has matched.
  bool match(std::string_view value, util::RegexMatcher& matcher) const;

 private:
  std::vector<std::string> whole_;
  std::vector<util::Regex> patterns_;  // those that do not compile match nothing
};

/// table::Blocked, made ready to be asked. Made once a change of the settings, on the control
/// thread, for all workers; then immutable.
class BlockRules {
 public:
  /// nullptr: nobody is blocked.
  static std::shared_ptr<const BlockRules> make(const table::Blocked& blocked);

  explicit BlockRules(const table::Blocked& blocked);

  /// `client`: the address that the request comes from, as text. A field that is not there is
  /// empty. A pattern that nobody can tell within its limits whether it matches has matched.
  bool blocks(const RequestHead& head, std::string_view client, util::RegexMatcher& matcher) const;

 private:
  static bool blocks(const TextRules& texts, std::string_view field, const RequestHead& head,
                     util::RegexMatcher& matcher);

  AddressSet networks_;
  TextRules user_agents_;
  TextRules referers_;
};

}  // namespace weir::proxy
