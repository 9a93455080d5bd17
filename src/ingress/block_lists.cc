#include "ingress/block_lists.h"

#include <fmt/format.h>

#include "ingress/annotation_values.h"
#include "table/text_rules.h"
#include "util/ip_address.h"
#include "util/regex.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kNetworks = "block-cidrs";
constexpr std::string_view kUserAgents = "block-user-agents";
constexpr std::string_view kReferers = "block-referers";
constexpr std::size_t kMostItems = 1'000;
constexpr std::size_t kMostComplaints = 10;

/// Empty: nothing is.
std::string what_is_wrong_with_network(const std::string& item) {
  return util::IpPrefix::parse(item) ? "" : "is no address or network such as 10.0.0.0/8";
}

std::string what_is_wrong_with_text(const std::string& item) {
  if (item.size() > table::kMaxRuleText || table::has_control_character(item)) {
    return "is too long, or has a control character";
  }
  const auto pattern = util::compile_map_pattern(item);
  if (!pattern || *pattern) return {};
  return fmt::format("is no regular expression: {}", pattern->error().detail);
}

}  // namespace

bool is_block_list(std::string_view key) {
  return key == kNetworks || key == kUserAgents || key == kReferers;
}

std::vector<std::string> take_block_list(std::string_view key, std::string_view value,
                                         table::Blocked& blocked) {
  const bool is_networks = key == kNetworks;
  auto& list = is_networks        ? blocked.networks
               : key == kReferers ? blocked.referers
                                  : blocked.user_agents;
  std::vector<std::string> complaints;
  for (auto& item : split_list(value, ',')) {
    if (list.size() == kMostItems) {
      complaints.push_back(fmt::format("what is behind {} items is left out", kMostItems));
      break;
    }
    const auto why = is_networks ? what_is_wrong_with_network(item) : what_is_wrong_with_text(item);
    if (why.empty()) {
      list.push_back(std::move(item));
    } else if (complaints.size() < kMostComplaints) {
      complaints.push_back(fmt::format("\"{}\" {}; it is left out", shortened(item), why));
    }
  }
  return complaints;
}

}  // namespace weir::ingress
