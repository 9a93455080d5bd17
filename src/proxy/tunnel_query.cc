#include "proxy/tunnel_query.h"

#include <algorithm>

#include "proxy/tunnel_group.h"
#include "proxy/tunnels.h"

namespace weir::proxy {

namespace {

using std::chrono::milliseconds;
using Time = TimerWheel::TimePoint;

milliseconds from_to(Time from, Time to) {
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(to - from));
}

ComingEnd ending_of(const Tunnel& tunnel, Time now) {
  if (!tunnel.is_ending()) return {};
  return {tunnel.ending(), from_to(now, tunnel.ending_until())};
}

ComingEnd plan_of(const Tunnel& tunnel, Time now) {
  if (tunnel.is_ending() || tunnel.planned() == TunnelEnd::Count) return {};
  return {tunnel.planned(), from_to(now, tunnel.planned_at())};
}

TunnelRow row_of(const Tunnel& tunnel, Time now) {
  const auto& group = tunnel.group();
  return {.id = tunnel.id(),
          .client = tunnel.client(),
          .host = group.host,
          .path = group.match.path,
          .ingress = group.origin,
          .backend = group.backend,
          .endpoint = tunnel.endpoint().address_and_port(),
          .tls = tunnel.is_tls(),
          .age = from_to(tunnel.opened(), now),
          .idle = from_to(tunnel.last_byte(), now),
          .bytes = {tunnel.bytes_from(Side::Client), tunnel.bytes_from(Side::Backend)},
          .messages = {tunnel.messages_from(Side::Client), tunnel.messages_from(Side::Backend)},
          .ending = ending_of(tunnel, now),
          .planned = plan_of(tunnel, now)};
}

void add(std::map<TunnelEnd, TunnelForecast::Ends>& ends, const ComingEnd& end) {
  if (end.why == TunnelEnd::Count) return;
  auto& of_reason = ends[end.why];
  ++of_reason.tunnels;
  of_reason.last = std::max(of_reason.last, end.left);
}

}  // namespace

bool TunnelFilter::fits(const Tunnel& tunnel, Time now) const {
  const auto& group = tunnel.group();
  if (id && tunnel.id() != *id) return false;
  if (host && group.host != *host) return false;
  if (ingress && group.origin != *ingress) return false;
  if (backend && group.backend != *backend) return false;
  if (client && util::masked(tunnel.client(), client->bits) != client->address) return false;
  if (older_than && now - tunnel.opened() < *older_than) return false;
  if (idle_for && now - tunnel.last_byte() < *idle_for) return false;
  return !endpoint || tunnel.endpoint().address_and_port() == *endpoint;
}

TunnelList list_tunnels(Tunnels& tunnels, const TunnelFilter& filter, std::size_t most) {
  const auto now = tunnels.now();
  std::vector<const Tunnel*> fitting;
  tunnels.for_each([&](const Tunnel& tunnel) {
    if (filter.fits(tunnel, now)) fitting.push_back(&tunnel);
  });
  TunnelList list;
  list.fitting = fitting.size();
  const auto count = std::min(most, fitting.size());
  const auto middle = fitting.begin() + static_cast<std::ptrdiff_t>(count);
  std::ranges::partial_sort(fitting, middle, {}, &Tunnel::id);
  for (auto it = fitting.begin(); it != middle; ++it) list.rows.push_back(row_of(**it, now));
  return list;
}

TunnelForecast forecast_of(Tunnels& tunnels) {
  const auto now = tunnels.now();
  TunnelForecast forecast;
  tunnels.for_each([&](const Tunnel& tunnel) {
    ++forecast.open;
    add(forecast.ending, ending_of(tunnel, now));
    add(forecast.planned, plan_of(tunnel, now));
  });
  return forecast;
}

}  // namespace weir::proxy
