#include <algorithm>
#include <cstdint>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"
#include "util/regex.h"

namespace weir::ingress {

namespace {

constexpr std::string_view kCanary = "nginx.ingress.kubernetes.io/canary";
constexpr std::string_view kCanaryByHeader = "nginx.ingress.kubernetes.io/canary-by-header";
constexpr std::size_t kMostName = 256;  // bytes
constexpr std::uint32_t kMostWeight = 1'000'000;
constexpr std::uint64_t kLeastTotal = 100;  // as in ingress-nginx

bool is_header_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

bool is_pattern(std::string_view text) {
  return util::Regex::compile(text, util::Regex::Case::Heeded).has_value();
}

template <std::string table::Canary::*kText>
void set_canary(Policies& policies, const std::string& text) {
  policies.canary.policy.*kText = text;
}

void set_weight(Policies& policies, std::uint64_t weight) {
  policies.canary.policy.weight = static_cast<std::uint32_t>(weight);
}

void set_weight_total(Policies& policies, std::uint64_t total) {
  policies.canary.policy.weight_total = static_cast<std::uint32_t>(std::max(total, kLeastTotal));
}

}  // namespace

AnnotationTheme canary_annotations() {
  return {
      .title = "Canaries",
      .text =
          "A canary gets some of the requests for a path of another Ingress, the primary. What "
          "says something first decides: the cookie of `affinity`, the header, the cookie, the "
          "weight. `load-balance`, `upstream-hash-by` and `affinity-canary-behavior` of a canary "
          "count, too, and nothing else of it: for the rest there is the primary.",
      .annotations = {
          {.name = kCanary,
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.canary.is_on = on; }},
           .usual = "false",
           .scope = Scope::Ingress,
           .text = "The paths are other ways for those that another Ingress has, with the same "
                   "host and pathType. A path has one canary, of the oldest Ingress; it leads to "
                   "another Service port, and gets nothing while that has no endpoint. A canary "
                   "makes no hosts and paths of its own",
           .effect = Effect::InEffect,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/canary-by-cookie",
           .type = Text{"a name of a cookie", kMostName, table::is_token,
                        set_canary<&table::Canary::cookie>},
           .scope = Scope::Ingress,
           .text = "Cookie that settles it with `always` or `never`; else the weight does",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kCanary,
           .since = "0.1"},
          {.name = kCanaryByHeader,
           .type = Text{"a name of letters, digits, - and _", kMostName, is_header_name,
                        set_canary<&table::Canary::header>},
           .scope = Scope::Ingress,
           .text = "Header that settles it with `always` or `never`; else the cookie does, or the "
                   "weight",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kCanary,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/canary-by-header-pattern",
           .type = Text{"a regular expression", table::kMaxRuleText, is_pattern,
                        set_canary<&table::Canary::header_pattern>},
           .scope = Scope::Ingress,
           .text = "Regular expression (PCRE2) for a part of that header, instead of the words: "
                   "what it matches goes to the canary. Counts without `canary-by-header-value`",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kCanaryByHeader,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/canary-by-header-value",
           .type = Text{"a text", table::kMaxRuleText, nullptr,
                        set_canary<&table::Canary::header_value>},
           .scope = Scope::Ingress,
           .text = "Value of that header, instead of the words, that goes to the canary",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .needs = kCanaryByHeader,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/canary-weight",
           .type = Number{0, kMostWeight, set_weight, "requests"},
           .usual = "0",
           .scope = Scope::Ingress,
           .text = "So many out of `canary-weight-total` go to the canary, drawn for each request",
           .effect = Effect::InEffect,
           .needs = kCanary,
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/canary-weight-total",
           .type = Number{0, kMostWeight, set_weight_total, "requests"},
           .usual = "100",
           .scope = Scope::Ingress,
           .text = "What `canary-weight` is a share of; less than 100 is 100",
           .effect = Effect::InEffect,
           .needs = kCanary,
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
