#include <algorithm>
#include <array>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr std::array<std::string_view, 6> kWords = {"error",          "timeout", "invalid_header",
                                                    "non_idempotent", "off",     "updating"};
constexpr std::array<std::uint16_t, 7> kStatuses = {403, 404, 429, 500, 502, 503, 504};

/// 0: it is none.
std::uint16_t status_of(std::string_view item) {
  const auto found = std::ranges::find_if(
      kStatuses, [&](std::uint16_t status) { return item == "http_" + std::to_string(status); });
  return found == kStatuses.end() ? 0 : *found;
}

bool is_condition(std::string_view item) {
  return std::ranges::find(kWords, item) != kWords.end() || status_of(item) != 0;
}

void set_conditions(Policies& policies, std::vector<std::string> items) {
  const auto has = [&](std::string_view word) {
    return std::ranges::find(items, word) != items.end();
  };
  auto& retries = policies.retries;
  retries.on_error = has("error");
  retries.on_timeout = has("timeout");
  retries.on_invalid_response = has("invalid_header");
  retries.non_idempotent = has("non_idempotent");
  retries.on_status.clear();
  for (const auto status : kStatuses) {
    if (has("http_" + std::to_string(status))) retries.on_status.push_back(status);
  }
  policies.is_tried_once = has("off");
}

}  // namespace

AnnotationTheme retry_annotations() {
  return {
      .title = "Retries",
      .text =
          "What is tried again at all is in [balancing.md](balancing.md). The ConfigMap's "
          "`retry-non-idempotent` adds `non_idempotent` everywhere.",
      .annotations = {
          {.name = "nginx.ingress.kubernetes.io/proxy-next-upstream",
           .type = List{' ',
                        "error, timeout, invalid_header, non_idempotent, off, or http_ and one of "
                        "403, 404, 429, 500, 502, 503, 504",
                        20, is_condition, set_conditions},
           .usual = "error timeout",
           .text = "What of a try sends the request to another endpoint. `off`: nothing",
           .effect = Effect::InEffect,
           .risk = Risk::Medium,
           .twin = "proxy-next-upstream",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-next-upstream-timeout",
           .type = Number{0, table::kMaxMilliseconds / 1'000,
                          [](Policies& policies, std::uint64_t seconds) {
                            policies.retries.window_ms =
                                static_cast<std::uint32_t>(seconds * 1'000);
                          },
                          "seconds"},
           .usual = "0",
           .text = "How long after the first try a further one may begin; `0` is no limit",
           .effect = Effect::InEffect,
           .twin = "proxy-next-upstream-timeout",
           .since = "0.1"},
          {.name = "nginx.ingress.kubernetes.io/proxy-next-upstream-tries",
           .type = Number{0, 0xffff'ffff,
                          [](Policies& policies, std::uint64_t tries) {
                            constexpr std::uint64_t kMost = table::kMaxTries;
                            policies.retries.tries = static_cast<std::uint32_t>(
                                tries == 0 ? kMost : std::min(tries, kMost));
                          },
                          "tries"},
           .usual = "3",
           .text = "Tries in all, the first one included",
           .effect = Effect::InEffect,
           .twin = "proxy-next-upstream-tries",
           .since = "0.1",
           .difference = "16 tries at most, which is also what `0` means"},
          {.name = "weir.dev/close-after-error",
           .type = Flag{Flag::Words::TrueFalse,
                        [](Policies& policies, bool on) { policies.close_after_error = on; }},
           .usual = "false",
           .text = "Closes the client's connection after a status of 400 and more",
           .effect = Effect::InEffect,
           .twin = "close-after-error",
           .since = "0.1"},
          {.name = "weir.dev/unanswered-status",
           .type = Number{400, table::kMostStatus,
                          [](Policies& policies, std::uint64_t status) {
                            policies.unanswered_status = static_cast<std::uint16_t>(status);
                          }},
           .text = "Status where no endpoint gave an answer; else 502, and 504 after a timeout",
           .effect = Effect::InEffect,
           .twin = "unanswered-status",
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
