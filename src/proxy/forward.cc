#include <optional>

#include "proxy/client_connection.h"
#include "proxy/mirror.h"
#include "proxy/relay.h"
#include "proxy/tunnel_permit.h"
#include "proxy/upstream_connect.h"

namespace weir::proxy {

namespace {

/// Steps of one exchange in one turn of the loop: others wait meanwhile.
constexpr int kStepsPerTurn = 8;

RetryReason reason_to_retry(AnswerReason failure) {
  switch (failure) {
    case AnswerReason::UpstreamReset:
      return RetryReason::Reset;
    case AnswerReason::ResponseTimeout:
      return RetryReason::Timeout;
    default:
      return RetryReason::Response;
  }
}

/// Counts a request in flight as load of its endpoint.
class LoadGuard {
 public:
  explicit LoadGuard(Endpoint& endpoint) : endpoint_(endpoint) { ++endpoint_.load; }
  ~LoadGuard() { --endpoint_.load; }
  LoadGuard(const LoadGuard&) = delete;
  LoadGuard& operator=(const LoadGuard&) = delete;

 private:
  Endpoint& endpoint_;
};

}  // namespace

Task<ClientConnection::Next> ClientConnection::forward(BackendRef backend, UpstreamLaneRef lane) {
  const auto& route = *exchange_->route;
  const auto lane_number = lane == nullptr ? 0 : lane->number();
  auto& exchange = *exchange_;
  auto& request = exchange.request;

  TunnelPermit permit;
  const bool upgrade = !exchange.upgrade.empty();
  if (upgrade) {
    const auto admission = co_await admit_tunnel(*backend, permit);
    if (admission.client_has_left) {
      worker_.counters.requests_aborted.add();
      co_return Next::Close;
    }
    if (admission.refused) co_return co_await answer(*admission.refused);
  }

  const Forwarded forwarded{exchange.origin, identity_.get(), exchange.request_id};
  RequestEdit edit;
  edit.upgrade = exchange.upgrade;
  if (has_fields_to_settle()) {
    settle_fields();
    if (exchange.headers != nullptr) {
      exchange.headers->request.add_edits(request_parts(), exchange.field_edits);
      edit.replaces_forwarded = exchange.headers->replaces_forwarded;
    }
  }
  edit.fields = exchange.field_edits;
  edit.target = exchange.target;
  if (!route.rules.is_usual()) edit.host = route.rules->upstream_host;
  edit.names = worker_.table.kept_names();
  if (exchange.rules != nullptr && exchange.rules->edits_requests) edit_request(edit);
  if (edit.http_1_0 && request.framing.kind == Framing::Kind::Chunked) {
    co_return co_await answer(AnswerReason::LengthRequired);
  }
  if (exchange.rules != nullptr && route.rules->mirror && !upgrade) {
    begin_mirror(*route.rules->mirror, forwarded, edit);
  }
  gather_request(request, forwarded, edit, exchange.request_text, exchange.to_backend);

  // What of the body is here already goes along with the head.
  const std::span<char> after_head(buffer_.get() + begin_ + head_length_,
                                   end_ - begin_ - head_length_);
  const auto body_start = exchange.request_body.take(after_head);
  if (body_start.malformed) co_return co_await answer_malformed(AnswerReason::BadRequest);
  if (const auto limit = route.requests->body_bytes;
      limit != 0 && exchange.request_body.received() > limit) {
    co_return co_await answer(AnswerReason::BodyTooLarge);
  }
  exchange.to_backend.add({body_start.to_forward.data(), body_start.to_forward.size()});
  if (exchange.mirror != nullptr) {
    exchange.mirror->add_body(body_start.to_forward);
    if (exchange.request_body.done()) exchange.mirror->send();
  }
  head_length_ += static_cast<std::uint32_t>(body_start.used);

  const auto& tunnels = *route.tunnels;
  Tries tries(worker_, *backend, *route.retries, upgrade ? &tunnels : nullptr);
  const auto parts = request_parts();
  auto affinity = affinity_of(*backend, parts, worker_.random);
  bool try_kept = !upgrade;
  EndpointRef endpoint;
  RequestPlace request_place;
  for (;;) {
    if (endpoint == nullptr && (upgrade || !backend->has_limit())) {
      endpoint = tries.next_endpoint(affinity, exchange.tried);
    } else if (endpoint == nullptr) {
      const auto admission =
          co_await take_endpoint(backend, tries, parts, affinity, endpoint, request_place);
      if (admission.client_has_left) co_return Next::Close;
      if (admission.refused) co_return co_await answer(*admission.refused);
    }
    // A connection that a PROXY header begins is one client's, and of one request; so is one that
    // is to close.
    const bool announced =
        edit.closes || backend->policy().proxy_protocol != table::ProxyProtocol::None;
    if (endpoint == nullptr) co_return co_await answer(tries.last_failure());
    if (route.sticky && backend->policy().sticky_cookie) {
      // No path begins with a pattern.
      const bool is_regex = route.match.kind == table::PathMatch::Kind::Regex;
      const std::string_view path = is_regex ? std::string_view("/") : route.match.path;
      exchange.set_cookie = set_cookie_line(*backend, affinity, endpoint, path, stream_.is_tls(),
                                            std::chrono::system_clock::now());
    }
    EndpointPlace place;
    if (upgrade) {
      place = EndpointPlace::take(endpoint->shared(worker_.tunnels.registry()),
                                  tunnels.limit_per_endpoint);
      if (!place) {
        exchange.tried.push_back(std::exchange(endpoint, nullptr));
        continue;
      }
    }
    const LoadGuard load(*endpoint);
    auto upstream =
        try_kept && !announced ? endpoint->take_idle(lane_number) : UpstreamConnection();
    // What must not be sent twice is not sent into a connection that has just ended.
    while (upstream.stream.is_open() && !is_idempotent(request.method) &&
           !upstream.stream.is_quiet()) {
      upstream = endpoint->take_idle(lane_number);
    }
    const bool reused = upstream.stream.is_open();
    if (reused) {
      upstream.stream.listen(*this);
      worker_.counters.upstream_reuses.add();
    } else {
      auto failure = AnswerReason::ConnectFailed;
      auto why = ConnectFailure::Tls;
      const auto began = loop().now();
      upstream.stream =
          co_await connect_to(*this, worker_, *endpoint, *route.requests, failure, &why);
      upstream.lane = lane_number;
      upstream.close_after = loop().now();
      if (!announced) upstream.close_after += worker_.timeouts.upstream_lifetime;
      if (upstream.stream.is_open() &&
          !announce(exchange.origin.client, *backend, upstream.stream)) {
        upstream.stream.close();
      }
      if (upstream.stream.is_open() && lane != nullptr) {
        const bool agreed = co_await start_upstream_tls(*this, worker_, upstream.stream, *endpoint,
                                                        backend->name(), *lane, failure);
        if (!agreed) upstream.stream.close();
      }
      if (cancelled()) co_return Next::Close;
      if (!upstream.stream.is_open()) {
        if (client_has_left()) {
          worker_.counters.requests_aborted.add();
          co_return Next::Close;
        }
        count_connect_failure(why);
        tries.connect_failed(*endpoint, failure);
        exchange.tried.push_back(std::exchange(endpoint, nullptr));
        continue;
      }
      exchange.tally.connect_took = loop().now() - began;
    }
    exchange.tally.upstream_begun = loop().now();
    const auto allowed = tries.allowed(request.method);
    const auto outcome =
        co_await relay(upstream, endpoint, lane.get(), reused, allowed, permit, place);
    if (outcome.kind != Outcome::Kind::Stale) request_place.release();
    if (outcome.kind == Outcome::Kind::Over) {
      // The request leaves the buffer, with what of its body was in it.
      begin_ += head_length_;
      co_return outcome.next;
    }
    if (outcome.kind == Outcome::Kind::Stale) {
      // The same endpoint, on a new connection: its other kept ones are as old.
      worker_.counters.upstream_retries.add();
      count_retry(RetryReason::Stale);
      endpoint->close_idle();
      try_kept = false;
      continue;
    }
    tries.failed(*endpoint, outcome.reason);
    if (outcome.kind == Outcome::Kind::Failed) {
      if (outcome.reason == AnswerReason::BadRequest) {
        co_return co_await answer_malformed(outcome.reason);
      }
      co_return co_await answer(outcome.reason);
    }
    tries.take_retry();
    count_retry(reason_to_retry(outcome.reason));
    exchange.tried.push_back(std::exchange(endpoint, nullptr));
  }
}

void ClientConnection::edit_request(RequestEdit& edit) {
  const auto& rules = *exchange_->route->rules;
  edit.http_1_0 = rules.speaks_http_1_0 && edit.upgrade.empty();
  edit.closes = edit.upgrade.empty() && (rules.close_endpoints || rules.speaks_http_1_0);
  if (rules.via.empty()) return;
  const auto& request = exchange_->request;
  std::string via;
  for (const auto& field : request.fields) {
    if (equal_ignoring_case(field.name, "Via")) via += std::string(field.value) + ", ";
  }
  via += (request.version < 11 ? "1.0 " : "1.1 ") + rules.via;
  exchange_->field_edits.push_back({"Via", std::move(via)});
  edit.fields = exchange_->field_edits;
}

Task<bool> ClientConnection::settle_held(Relay& relay) {
  const auto next = co_await show_error_page(relay.held_status(), relay.may_keep_client());
  if (next) {
    relay.drop_held(*next);
  } else {
    relay.go_on();
  }
  co_return true;
}

Task<ClientConnection::Outcome> ClientConnection::relay(
    UpstreamConnection& upstream, const EndpointRef& endpoint, UpstreamLane* lane, bool reused,
    const AllowedRetries& retries, TunnelPermit& permit, EndpointPlace& place) {
  auto& backend = upstream.stream;
  Relay relay(*this, backend, reused, retries);
  bool armed = false;
  for (int steps = 1; !relay.over(); ++steps) {
    if (relay.step()) {
      armed = false;
      if (relay.is_held()) {
        co_await settle_held(relay);
      } else if (steps % kStepsPerTurn == 0 && !relay.over() &&
                 co_await yield(backend.io()) == Wake::Cancelled) {
        relay.abort();
      }
      continue;
    }
    if (client_has_left()) {
      relay.client_left();
      continue;
    }
    // The deadline runs from the last progress, not from the last event.
    if (!std::exchange(armed, true)) start_timer(relay.patience());
    const auto wake = co_await wait();
    if (wake == Wake::Timeout) {
      relay.time_out();
      armed = false;
    }
    if (wake == Wake::Cancelled) relay.abort();
  }
  stop_timer();
  if (relay.answered()) endpoint->health.succeeded();
  // Tickets of TLS 1.3 have come with the response.
  if (lane != nullptr && !reused && relay.outcome().kind == Outcome::Kind::Over) {
    lane->keep_session(backend.ssl(), *endpoint);
  }
  if (!exchange_->upgrade.empty() && !relay.tunnel() &&
      relay.outcome().kind == Outcome::Kind::Over && relay.answered()) {
    worker_.counters.handshakes_refused_by_backend.add();
    exchange_->handshake_counters->handshakes_failed.add();
  }
  if (relay.tunnel()) {
    TunnelStart start;
    permit.hand_over(start);
    exchange_->handshake_counters->handshakes.add(loop().now() - exchange_->handshake_begun);
    start.request = {exchange_->host_name, exchange_->request.path, exchange_->upgrade};
    start.endpoint = endpoint;
    start.auth = question_of_tunnel();
    start.websocket = exchange_->upgrade == kWebSocket;
    start.endpoint_place = std::move(place);
    start.to_client = relay.take_unsent();
    start.seen = relay.take_seen();
    start.to_backend = std::string(buffered().substr(head_length_));
    start.place = std::move(place_);
    start.client_place = std::move(exchange_->client_place);
    start.is_logged = exchange_->route->rules->logs_requests &&
                      worker_.table.logs(exchange_->request.path, worker_.matcher);
    tunnelled_ = true;
    Tunnel::open(worker_, std::move(stream_), std::move(backend), std::move(start));
  } else if (relay.reusable() && relay.outcome().kind == Outcome::Kind::Over &&
             exchange_->upgrade.empty()) {
    // What has carried an Upgrade may be something else than weir believes it to be.
    ++upstream.requests;
    endpoint->keep_idle(std::move(upstream), worker_.pool_limits);
  }
  co_return relay.outcome();
}

}  // namespace weir::proxy
