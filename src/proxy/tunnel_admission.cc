#include <algorithm>

#include "proxy/answer.h"
#include "proxy/client_connection.h"
#include "proxy/origin_rules.h"
#include "proxy/tunnel_group.h"
#include "proxy/tunnel_permit.h"

namespace weir::proxy {

namespace {

/// The field `name`, as sent; `present` false if there is none. Two of them are none to go by.
std::string_view origin_of(const RequestHead& request, bool& present) {
  std::string_view value;
  int count = 0;
  for (const auto& field : request.fields) {
    if (field.id != FieldName::Other || !equal_ignoring_case(field.name, "Origin")) continue;
    value = field.value;
    ++count;
  }
  present = count > 0;
  return count == 1 ? value : std::string_view{};
}

/// How long until the handshake's turn under these limits; nullopt: longer than it may wait.
template <class Limits>
std::optional<std::chrono::nanoseconds> turn_of(const Limits& limits, Pacer& pacer,
                                                Pacer::Clock::time_point now) {
  if (limits.opens_per_second == 0) return std::chrono::nanoseconds(0);
  const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / limits.opens_per_second;
  return pacer.take(now, interval, limits.open_burst,
                    std::chrono::milliseconds(limits.open_wait_ms));
}

}  // namespace

void ClientConnection::begin_handshake(const std::string& backend) {
  const auto& group =
      worker_.tunnels.group_of(exchange_->host->policy(), *exchange_->route, backend);
  exchange_->handshake_counters = group.counters;
  exchange_->handshake_begun = loop().now();
}

void ClientConnection::count_failed_handshake(AnswerReason reason) {
  if (status_of(reason) < 400) return;
  worker_.counters.handshakes_refused[static_cast<std::size_t>(reason)].add();
  if (exchange_->handshake_counters) exchange_->handshake_counters->handshakes_failed.add();
}

Task<ClientConnection::Admission> ClientConnection::admit_tunnel(const Backend& backend,
                                                                 TunnelPermit& permit) {
  const auto& policy = *exchange_->route->tunnels;
  const auto& request = exchange_->request;
  if (!policy.websocket && exchange_->upgrade == kWebSocket) {
    co_return Admission{AnswerReason::WebSocketOff};
  }
  if (worker_.draining) co_return Admission{AnswerReason::Draining};
  bool present = false;
  const auto origin = origin_of(request, present);
  if (!origin_is_allowed(policy.allowed_origins, present, origin, exchange_->host_name)) {
    co_return Admission{AnswerReason::OriginDenied};
  }
  auto& group =
      worker_.tunnels.group_of(exchange_->host->policy(), *exchange_->route, backend.name());
  permit.enter(group, util::IpAddress::parse(exchange_->origin.client).value_or(util::IpAddress{}));
  const auto& totals = worker_.table.settings().tunnels;
  auto& registry = worker_.tunnels.registry();
  if (!permit.take_total(registry, totals.limit)) {
    co_return Admission{AnswerReason::TunnelTotalLimit};
  }
  if (!permit.take_places(policy)) co_return Admission{AnswerReason::TunnelLimit};
  const auto now = loop().now();
  const auto of_all = turn_of(totals, registry.all()->opens, now);
  if (!of_all) co_return Admission{AnswerReason::TunnelRate};
  const auto of_route = turn_of(policy, group.route->opens, now);
  if (!of_route) co_return Admission{AnswerReason::TunnelRate};
  const auto turn = std::max(*of_all, *of_route);
  if (turn.count() == 0) co_return Admission{};
  start_timer(std::chrono::ceil<std::chrono::milliseconds>(turn));
  // Its end may have come along with the request: then there is no further event.
  while (!client_has_left()) {
    const auto wake = co_await wait();
    if (wake == Wake::Timeout) co_return Admission{};
    if (wake == Wake::Cancelled) break;
  }
  Admission gone;
  gone.client_has_left = true;
  co_return gone;
}

}  // namespace weir::proxy
