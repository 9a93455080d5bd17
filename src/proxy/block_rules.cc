#include "proxy/block_rules.h"

#include <algorithm>

namespace weir::proxy {

TextRules::TextRules(const std::vector<std::string>& rules) {
  for (const auto& rule : rules) {
    auto pattern = util::compile_map_pattern(rule);
    if (!pattern) {
      whole_.push_back(rule);
    } else if (*pattern) {
      (*pattern)->hasten();
      patterns_.push_back(**std::move(pattern));
    }
  }
}

bool TextRules::match(std::string_view value, util::RegexMatcher& matcher) const {
  const auto is_value = [&](const auto& text) { return equal_ignoring_case(text, value); };
  if (std::ranges::any_of(whole_, is_value)) return true;
  return std::ranges::any_of(patterns_, [&](const util::Regex& pattern) {
    return matcher.match(pattern, value) != util::RegexMatcher::Outcome::None;
  });
}

std::shared_ptr<const BlockRules> BlockRules::make(const table::Blocked& blocked) {
  if (blocked == table::Blocked{}) return nullptr;
  return std::make_shared<const BlockRules>(blocked);
}

BlockRules::BlockRules(const table::Blocked& blocked)
    : networks_(blocked.networks), user_agents_(blocked.user_agents), referers_(blocked.referers) {}

bool BlockRules::blocks(const RequestHead& head, std::string_view client,
                        util::RegexMatcher& matcher) const {
  if (!networks_.empty()) {
    const auto address = util::IpAddress::parse(client);
    if (address && networks_.contains(*address)) return true;
  }
  return blocks(user_agents_, "User-Agent", head, matcher) ||
         blocks(referers_, "Referer", head, matcher);
}

bool BlockRules::blocks(const TextRules& texts, std::string_view field, const RequestHead& head,
                        util::RegexMatcher& matcher) {
  if (texts.empty()) return false;
  bool is_there = false;
  for (const auto& line : head.fields) {
    if (line.id != FieldName::Other || !equal_ignoring_case(line.name, field)) continue;
    is_there = true;
    if (texts.match(line.value, matcher)) return true;
  }
  return !is_there && texts.match({}, matcher);
}

}  // namespace weir::proxy
