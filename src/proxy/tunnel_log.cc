#include "proxy/tunnel_log.h"

#include "proxy/tunnel_group.h"
#include "util/json_text.h"

namespace weir::proxy {

namespace {

/// What both lines begin with.
util::JsonObject begin(AccessLogBuffer& log, LogTime now, const char* event, const Tunnel& tunnel) {
  util::JsonObject line(log.begin_line());
  line.text("time", util::utc_text(now)).text("event", event).number("id", tunnel.id());
  line.text("client", tunnel.client().text());
  return line;
}

void add_route(util::JsonObject& line, const Tunnel& tunnel) {
  const auto& group = tunnel.group();
  line.text("route_host", group.host).text("route_path", group.match.path);
  line.text("ingress", group.origin).text("backend", group.backend);
  line.text("endpoint", tunnel.endpoint().address_and_port()).boolean("tls", tunnel.is_tls());
}

void add_code(util::JsonObject& line, const char* name, std::optional<std::uint16_t> code) {
  if (code) line.number(name, *code);
}

std::optional<std::uint16_t> sent(const Tunnel& tunnel, Side to) {
  const auto code = tunnel.close_code_to(to);
  return code == 0 ? std::nullopt : std::optional(code);
}

}  // namespace

void log_opened(AccessLogBuffer& log, LogTime now, const Tunnel& tunnel,
                const TunnelRequest& request) {
  auto line = begin(log, now, "tunnel_open", tunnel);
  line.text("host", request.host).text("path", log.loggable(request.target));
  add_route(line, tunnel);
  line.text("protocol", request.protocol).end();
  log.end_line();
}

void log_ended(AccessLogBuffer& log, LogTime now, const Tunnel& tunnel, TunnelEnd why) {
  using std::chrono::milliseconds;
  auto line = begin(log, now, "tunnel_close", tunnel);
  add_route(line, tunnel);
  const auto lasted = std::chrono::duration_cast<milliseconds>(tunnel.lasted());
  line.number("duration_ms", static_cast<std::uint64_t>(lasted.count()));
  line.number("bytes_from_client", tunnel.bytes_from(Side::Client));
  line.number("bytes_from_backend", tunnel.bytes_from(Side::Backend));
  line.number("messages_from_client", tunnel.messages_from(Side::Client));
  line.number("messages_from_backend", tunnel.messages_from(Side::Backend));
  line.text("initiator", initiator_of(why)).text("reason", reason_of(why));
  add_code(line, "close_code_from_client", tunnel.close_code_from(Side::Client));
  add_code(line, "close_code_from_backend", tunnel.close_code_from(Side::Backend));
  add_code(line, "close_code_to_client", sent(tunnel, Side::Client));
  add_code(line, "close_code_to_backend", sent(tunnel, Side::Backend));
  line.end();
  log.end_line();
}

}  // namespace weir::proxy
