#include <charconv>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "ingress/annotations/themes.h"
#include "ingress/policies.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

using table::ActiveHealth;
using table::EndpointLimits;

constexpr std::string_view kCheck = "weir.dev/health-check";
constexpr std::uint32_t kSecond = 1'000;

template <auto Field, class Value>
void set_limit(Policies& policies, Value value) {
  policies.balancing.limits.*Field = static_cast<std::uint32_t>(value);
}

template <auto Field, class Value>
void set_check(Policies& policies, Value value) {
  auto& field = policies.balancing.health.*Field;
  field = static_cast<std::remove_reference_t<decltype(field)>>(std::move(value));
}

struct StatusRange {
  std::uint16_t least = 0;
  std::uint16_t most = 0;
};

/// "200", "200-399".
std::optional<StatusRange> parse_status_range(std::string_view text) {
  const auto read = [](std::string_view digits) -> std::uint16_t {
    std::uint16_t status = 0;
    const auto* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, status);
    return error == std::errc() && stop == end && digits.size() == 3 ? status : std::uint16_t{0};
  };
  const auto dash = text.find('-');
  const auto least = read(text.substr(0, dash));
  const auto most = dash == std::string_view::npos ? least : read(text.substr(dash + 1));
  if (least < table::kLeastStatus || most > table::kMostStatus || most < least) return std::nullopt;
  return StatusRange{least, most};
}

}  // namespace

AnnotationTheme health_annotations() {
  return {
      .title = "Limits and health of endpoints",
      .text =
          "These belong to a Service port, whoever else names it: the oldest Ingress that "
          "names it settles them all, also by saying nothing.",
      .annotations = {
          {.name = "weir.dev/endpoint-queue",
           .type =
               Number{0, table::kMaxEndpointQueue, set_limit<&EndpointLimits::queue>, "requests"},
           .usual = "100",
           .scope = Scope::Backend,
           .text = "Requests that wait in each proxy while all endpoints of the Service port have "
                   "as many as they may; others get 503 at once",
           .effect = Effect::InEffect,
           .twin = "endpoint-queue",
           .since = "0.1"},
          {.name = "weir.dev/endpoint-queue-timeout",
           .type =
               Duration{1, table::kMaxMilliseconds, set_limit<&EndpointLimits::queue_timeout_ms>},
           .usual = "5s",
           .scope = Scope::Backend,
           .text = "How long a request waits so; then it gets 503",
           .effect = Effect::InEffect,
           .twin = "endpoint-queue-timeout",
           .since = "0.1"},
          {.name = "weir.dev/endpoint-requests",
           .type = Number{0, table::kMaxEndpointRequests, set_limit<&EndpointLimits::requests>,
                          "requests"},
           .usual = "0",
           .scope = Scope::Backend,
           .text = "Requests that each proxy has in flight to one endpoint at once; 0 is no limit. "
                   "Tunnels do not count",
           .effect = Effect::InEffect,
           .twin = "endpoint-requests",
           .since = "0.1"},
          {.name = kCheck,
           .type = Choice{{"off", "tcp", "http"},
                          [](Policies& policies, std::size_t word) {
                            policies.balancing.health.kind = static_cast<ActiveHealth::Kind>(word);
                          }},
           .usual = "off",
           .scope = Scope::Backend,
           .text = "Asks each endpoint how it is, and leaves out those that fail while another "
                   "does not: `tcp`, whether it takes a connection; `http`, how it answers a GET. "
                   "Where `nginx.ingress.kubernetes.io/backend-protocol` is HTTPS, `http` is `tcp`",
           .effect = Effect::InEffect,
           .twin = "health-check",
           .since = "0.1"},
          {.name = "weir.dev/health-check-fall",
           .type = Number{1, table::kMaxChecks, set_check<&ActiveHealth::fall>, "checks"},
           .usual = "3",
           .scope = Scope::Backend,
           .text = "Failed checks in a row that put an endpoint out",
           .effect = Effect::InEffect,
           .twin = "health-check-fall",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-host",
           .type = Text{"a host, perhaps with a port", table::kMaxRuleText, table::is_host_field,
                        set_check<&ActiveHealth::host>},
           .scope = Scope::Backend,
           .text = "Host field of the GET; else the endpoint's address and port",
           .effect = Effect::InEffect,
           .twin = "health-check-host",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-interval",
           .type =
               Duration{kSecond, table::kMaxMilliseconds, set_check<&ActiveHealth::interval_ms>},
           .usual = "10s",
           .scope = Scope::Backend,
           .text = "Time between two checks of an endpoint by one proxy, a tenth more or less",
           .effect = Effect::InEffect,
           .twin = "health-check-interval",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-path",
           .type = Text{"a path without blanks that starts with /", table::kMaxRuleText,
                        table::is_request_path, set_check<&ActiveHealth::path>},
           .usual = "/",
           .scope = Scope::Backend,
           .text = "What the GET asks for",
           .effect = Effect::InEffect,
           .twin = "health-check-path",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-rise",
           .type = Number{1, table::kMaxChecks, set_check<&ActiveHealth::rise>, "checks"},
           .usual = "2",
           .scope = Scope::Backend,
           .text = "Good checks in a row that bring it back",
           .effect = Effect::InEffect,
           .twin = "health-check-rise",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-status",
           .type = Text{"a status code, or two with - between them", 7,
                        [](std::string_view text) { return parse_status_range(text).has_value(); },
                        [](Policies& policies, const std::string& text) {
                          const auto range = *parse_status_range(text);
                          policies.balancing.health.least_status = range.least;
                          policies.balancing.health.most_status = range.most;
                        }},
           .usual = "200-399",
           .scope = Scope::Backend,
           .text = "Status codes of a good answer to the GET",
           .effect = Effect::InEffect,
           .twin = "health-check-status",
           .needs = kCheck,
           .since = "0.1"},
          {.name = "weir.dev/health-check-timeout",
           .type = Duration{1, table::kMaxMilliseconds, set_check<&ActiveHealth::timeout_ms>},
           .usual = "2s",
           .scope = Scope::Backend,
           .text = "How long one check may take, the connect included",
           .effect = Effect::InEffect,
           .twin = "health-check-timeout",
           .needs = kCheck,
           .since = "0.1"},
      }};
}

}  // namespace weir::ingress
