#include "proxy/client_connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/answer.h"
#include "proxy/rewrite.h"
#include "proxy/target.h"
#include "proxy/tunnel.h"
#include "proxy/upstream_connect.h"

namespace weir::proxy {

namespace {

constexpr auto kFirstBuffer = WorkerState::kHeadBuffer;
constexpr std::chrono::milliseconds kLinger{2'000};
constexpr std::size_t kLingerBytes = 1024 * 1024;

AnswerReason reason_for(HeadError error) {
  switch (error) {
    case HeadError::UriTooLong:
      return AnswerReason::UriTooLong;
    case HeadError::TooManyFields:
      return AnswerReason::HeadTooLarge;
    case HeadError::Version:
      return AnswerReason::HttpVersion;
    case HeadError::None:
    case HeadError::Malformed:
      break;
  }
  return AnswerReason::BadRequest;
}

/// `bytes` are the start of a request line. Its end need not be here to tell.
bool target_is_too_long(std::string_view bytes, std::size_t limit) {
  if (bytes.size() <= limit) return false;
  const auto target = bytes.find(' ');
  return target != std::string_view::npos &&
         bytes.size() - target > limit + std::string_view("  HTTP/1.1\r").size();
}

/// An absolute-form target replaces the Host field; RFC 9112 §3.2 has a bad one refused all the
/// same.
bool replaced_host_is_bad(const RequestHead& request, std::string& storage) {
  const auto* field = request.find(FieldName::Host);
  return field != nullptr && field->value.data() != request.host.data() &&
         !normalize_host(field->value, storage);
}

}  // namespace

void ClientConnection::open(WorkerState& worker, int fd, bool tls, std::string address,
                            AddressCounts::Place place) {
  auto* connection = new ClientConnection(worker, std::move(address), std::move(place));
  auto* io = worker.loop.open(fd, connection);
  if (io == nullptr) {
    worker.counters.accept_errors.add();
    delete connection;
    return;
  }
  connection->stream_ = Stream(worker.loop, io);
  connection->handshaken_ = !tls;
  const auto& timeouts = worker.timeouts;
  if (worker.table.settings().forwarded.use_proxy_protocol) {
    connection->proxy_header_due_ = true;
    connection->park(timeouts.proxy_header);
  } else {
    connection->park(tls ? timeouts.handshake : timeouts.head);
  }
}

ClientConnection::ClientConnection(WorkerState& worker, std::string address,
                                   AddressCounts::Place place)
    : Fiber(worker.loop), worker_(worker), address_(std::move(address)), place_(std::move(place)) {
  worker_.open.push_back(*this);
  worker_.counters.connections_open.add();
}

ClientConnection::~ClientConnection() {
  if (!tunnelled_) {
    auto& counters = worker_.counters;
    counters.connections_open.subtract();
    if (worker_.draining) counters.drained_connections.add();
    const auto reason = worker_.draining ? CloseReason::Drain : closes_for_;
    counters.connections_closed[static_cast<std::size_t>(reason)].add();
  }
  if (exchange_ != nullptr) worker_.give_back(std::move(exchange_));
  release_buffer();
}

void ClientConnection::cut(TunnelEnd why) {
  if (why == TunnelEnd::Drain) worker_.counters.drain_cut_connections.add();
  if (why == TunnelEnd::Memory) closes_for_ = CloseReason::Memory;
  cancel();
}

void ClientConnection::stop_accepting() {
  if (!serving_) delete this;
}

void ClientConnection::park(std::chrono::milliseconds timeout) {
  start_timer(timeout);
}

void ClientConnection::on_idle(Wake wake) {
  if (serving_) return;  // an event for a coroutine that does not wait for one
  if (wake != Wake::Io) {
    if (wake == Wake::Timeout && proxy_header_due_) worker_.counters.proxy_headers_incomplete.add();
    if (wake == Wake::Timeout) {
      closes_for_ = proxy_header_due_ ? CloseReason::ProxyHeader
                    : handshaken_     ? CloseReason::Idle
                                      : CloseReason::TlsError;
    }
    delete this;
    return;
  }
  if (stream_.io()->readable) serve();
}

Detached ClientConnection::serve() {
  serving_ = true;
  if (proxy_header_due_) {
    const bool taken = co_await take_proxy_header();
    if (!taken) {
      closes_for_ = CloseReason::ProxyHeader;
      delete this;
      co_return;
    }
  }
  if (!handshaken_) {
    const auto way = co_await find_way();
    bool ready = way == Way::Handshake;
    if (ready) ready = co_await handshake();
    if (!ready) {
      delete this;
      co_return;
    }
  }
  for (;;) {
    auto next = co_await read_head();
    if (next == Next::Request) {
      exchange_ = worker_.take_exchange();
      auto& in_flight = worker_.counters.requests_in_flight;
      in_flight.add();
      next = co_await handle_request();
      count_request();
      in_flight.subtract();
      worker_.give_back(std::move(exchange_));
    }
    switch (next) {
      case Next::Request:
        continue;
      case Next::Park:
        serving_ = false;
        release_buffer();
        park(worker_.timeouts.keep_alive);
        co_return;
      case Next::Linger:
        co_await linger();
        break;
      case Next::Close:
        break;
    }
    delete this;
    co_return;
  }
}

bool ClientConnection::make_room() {
  if (buffer_ == nullptr) {
    capacity_ = kFirstBuffer;
    buffer_ = worker_.take_head_buffer();
    begin_ = end_ = 0;
    return true;
  }
  if (end_ < capacity_) return true;
  if (begin_ > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return true;
  }
  if (capacity_ >= worker_.limits.head_bytes) return false;
  const auto larger = static_cast<std::uint32_t>(
      std::min<std::size_t>(std::size_t{capacity_} * 2, worker_.limits.head_bytes));
  auto next = std::make_unique_for_overwrite<char[]>(larger);
  std::memcpy(next.get(), buffer_.get(), end_);
  const auto end = end_;
  release_buffer();
  buffer_ = std::move(next);
  capacity_ = larger;
  end_ = end;
  return true;
}

void ClientConnection::take_early() {
  release_buffer();
  capacity_ = static_cast<std::uint32_t>(std::max<std::size_t>(kFirstBuffer, early_.size()));
  buffer_ = std::make_unique_for_overwrite<char[]>(capacity_);
  std::memcpy(buffer_.get(), early_.data(), early_.size());
  begin_ = 0;
  end_ = static_cast<std::uint32_t>(early_.size());
  std::string().swap(early_);
}

void ClientConnection::release_buffer() {
  if (capacity_ == kFirstBuffer) worker_.give_back_head_buffer(std::move(buffer_));
  buffer_.reset();
  capacity_ = begin_ = end_ = 0;
}

Task<ClientConnection::Next> ClientConnection::read_head() {
  const auto& limits = worker_.limits;
  HeadScanner scanner;
  HeldBytes::Holder held(worker_.held, *this);
  bool started = false;
  if (!early_.empty()) take_early();
  for (;;) {
    if (begin_ == end_) {
      begin_ = end_ = 0;
    } else {
      if (!started) {
        // RFC 9112 §2.2: an empty line before the request is passed over.
        if (buffered().starts_with("\r\n")) {
          begin_ += 2;
          continue;
        }
        started = buffered() != "\r";
        if (started) start_timer(worker_.timeouts.head);
      }
      const auto bytes = buffered().substr(0, limits.head_bytes);
      const auto state = started ? scanner.scan(bytes) : HeadScanner::State::Incomplete;
      if (state == HeadScanner::State::Complete) {
        head_length_ = static_cast<std::uint32_t>(scanner.length());
        co_return Next::Request;
      }
      if (state == HeadScanner::State::Malformed) {
        co_return co_await answer_malformed(AnswerReason::BadRequest);
      }
      if (!scanner.has_start_line() && target_is_too_long(bytes, limits.uri_bytes)) {
        co_return co_await answer_malformed(AnswerReason::UriTooLong);
      }
      if (bytes.size() == limits.head_bytes) {
        co_return co_await answer_malformed(AnswerReason::HeadTooLarge);
      }
    }
    if (worker_.draining && !started) co_return Next::Close;
    if (!make_room()) co_return co_await answer_malformed(AnswerReason::HeadTooLarge);
    const auto result = stream_.try_read({buffer_.get() + end_, capacity_ - end_});
    switch (result.status) {
      case IoResult::Status::Ok:
        end_ += static_cast<std::uint32_t>(result.bytes);
        continue;
      case IoResult::Status::Eof:
      case IoResult::Status::Failed:
        co_return Next::Close;
      case IoResult::Status::WouldBlock:
        break;
    }
    if (begin_ == end_) co_return Next::Park;
    held.set(capacity_);
    const auto wake = co_await wait();
    if (wake == Wake::Io) continue;
    if (wake == Wake::Timeout && started) {
      co_return co_await answer_malformed(AnswerReason::HeadTimeout);
    }
    co_return Next::Close;
  }
}

Task<ClientConnection::Next> ClientConnection::handle_request() {
  auto& exchange = *exchange_;
  auto& request = exchange.request;
  exchange.tally.begun = loop().now();
  exchange.tally.request_bytes = head_length_;
  const auto head = buffered().substr(0, head_length_);
  const auto error = parse_request_head(head, worker_.limits, request);
  if (error != HeadError::None) co_return co_await answer_malformed(reason_for(error));
  if (++requests_ >= worker_.limits.requests_per_connection && request.keep_alive) {
    request.keep_alive = false;
    worker_.counters.connections_used_up.add();
    closes_for_ = CloseReason::MaxRequests;
  }
  exchange.tally.method = RequestKind::number_of(request.method);
  exchange.request_body = Body(request.framing);

  exchange.host_name = {};
  if (replaced_host_is_bad(request, exchange.host_storage)) {
    co_return co_await answer_malformed(AnswerReason::BadRequest);
  }
  if (!request.host.empty()) {
    const auto host = normalize_host(request.host, exchange.host_storage);
    if (!host) co_return co_await answer_malformed(AnswerReason::BadRequest);
    exchange.host_name = *host;
  } else if (request.version >= 11) {
    co_return co_await answer_malformed(AnswerReason::BadRequest);
  }
  const auto path = normalize_path(request.path, exchange.path_storage);
  if (!path) co_return co_await answer_malformed(AnswerReason::BadRequest);

  const auto& table = worker_.table;
  if (!table.complete()) co_return co_await answer(AnswerReason::NoTable);
  exchange.origin.read(request, arrival(), table.forwarded());
  if (const auto* blocked = table.blocked();
      blocked != nullptr && blocked->blocks(request, exchange.origin.client, worker_.matcher)) {
    co_return co_await answer(AnswerReason::Blocked);
  }
  exchange.host = HostRef(table.find_host(exchange.host_name));
  if (exchange.host == nullptr) co_return co_await answer(AnswerReason::NoRoute);
  const auto& host = exchange.host->policy();
  if (host.client_certificates) {
    const auto trust = table.find_trust(host.client_certificates->trust);
    if (identity_ != nullptr) identity_->follow(stream_.ssl(), trust);
    const auto refused = refuse_client(host, trust.get(), identity_.get(), stream_.is_tls());
    if (refused) co_return co_await answer(*refused);
    if (!host.client_certificates->subject_pattern.empty() && !has_right_subject()) {
      co_return co_await answer(AnswerReason::ClientSubjectDenied);
    }
  }
  if (!host.redirects.is_usual()) {
    auto elsewhere = host_redirect(*host.redirects, *path);
    if (elsewhere.status != 0) co_return co_await redirect(std::move(elsewhere));
  }
  const auto found = exchange.host->find_route(*path, worker_.matcher);
  const auto* route = found.route;
  exchange.route = route;
  if (route == nullptr) {
    co_return co_await answer(found.is_over_limit ? AnswerReason::PatternLimit
                                                  : AnswerReason::NoRoute);
  }
  exchange.upgrade = read_upgrade(request, route->tunnels->other_protocols, exchange.handshake);
  if (!route->rules.is_usual()) {
    exchange.rules = exchange.host->rules_of(*route);
    if (!route->rules->redirect.location.empty()) {
      auto elsewhere = route->rules->redirect;
      co_return co_await redirect(std::move(elsewhere));
    }
    if (settle_cors()) co_return co_await answer(AnswerReason::CorsPreflight);
    rewrite_target(route->rules->rewrite, worker_.matcher, exchange);
  }
  if (route->https_only && !exchange.origin.https) {
    auto location = https_location();
    co_return co_await answer(AnswerReason::HttpsRedirect, std::move(location));
  }
  if (route->backends.empty()) co_return co_await answer(AnswerReason::NoRoute);
  const auto& chosen = LiveTable::choose_backend(*route, worker_.random);
  co_return co_await pass_rules(table.find_backend(chosen));
}

Task<ClientConnection::Next> ClientConnection::pass_rules(BackendRef backend) {
  auto& exchange = *exchange_;
  const auto& request = exchange.request;
  const auto& route = *exchange.route;
  const auto* rules = exchange.rules;
  if (rules != nullptr) {
    if (!route.rules->plain_backend.empty() && !exchange.origin.https) {
      backend = find_plain_backend();
    } else if (rules->canary) {
      backend = choose_canary(*rules->canary, std::move(backend));
    }
  }
  const bool is_empty = backend == nullptr || backend->empty();
  if (is_empty && rules != nullptr) backend = fall_back(std::move(backend));
  const auto& name = backend == nullptr ? route.backends.front().backend : backend->name();
  count_for(name);
  if (!exchange.upgrade.empty()) begin_handshake(name);
  if (backend == nullptr || backend->empty()) co_return co_await answer(AnswerReason::NoEndpoint);
  settle_request_id();
  if (rules != nullptr && rules->is_guarded) {
    if (rules->limits) {
      const auto over = count_client(*rules->limits);
      if (over) co_return co_await answer(*over);
    }
    const auto refused = co_await check_access(*rules);
    if (refused.gone) co_return Next::Close;
    if (refused.reason) co_return co_await answer(*refused.reason, refused.location);
  }
  if (const auto limit = route.requests->body_bytes;
      limit != 0 && request.framing.kind == Framing::Kind::Length &&
      request.framing.length > limit) {
    co_return co_await answer(AnswerReason::BodyTooLarge);
  }
  UpstreamLaneRef lane;
  if (route.upstream_tls && !exchange.falls_back && !exchange.is_plain) {
    auto found = worker_.upstream_tls.lane_for(*route.upstream_tls, exchange.host_name);
    if (!found) {
      log_upstream_tls(worker_, backend->name(), "any endpoint", found.error().detail);
      co_return co_await answer(AnswerReason::UpstreamTls);
    }
    lane = *std::move(found);
  }
  co_return co_await forward(std::move(backend), std::move(lane));
}

void ClientConnection::count_for(const std::string& backend) {
  auto& exchange = *exchange_;
  const auto* rules = exchange.rules;
  const bool canary =
      rules != nullptr && rules->canary.has_value() && rules->canary->backend() == backend;
  exchange.tally.counters =
      &exchange.host->counters_of(*exchange.route, backend, canary, worker_.http);
}

void ClientConnection::count_status(int status) {
  worker_.counters.requests_by_code[static_cast<std::size_t>(status) - 100].add();
  if (exchange_ != nullptr) {
    exchange_->tally.status = status;
  } else {
    worker_.http.unrouted().of(RequestKind(0, status)).requests.add();  // it had no whole head
  }
}

void ClientConnection::count_request() {
  auto& exchange = *exchange_;
  auto& tally = exchange.tally;
  if (tally.counters == nullptr && exchange.route == nullptr) {
    tally.counters = &worker_.http.unrouted();
  } else if (tally.counters == nullptr) {
    const auto& backends = exchange.route->backends;
    count_for(backends.empty() ? std::string("_") : backends.front().backend);
  }
  tally.request_bytes += exchange.request_body.received();
  tally.count(loop().now());
}

void ClientConnection::settle_request_id() {
  if (!worker_.table.settings().headers.request_id) return;
  const auto* sent = exchange_->request.find(FieldName::XRequestId);
  if (sent != nullptr && !sent->value.empty()) return;
  exchange_->request_id = worker_.request_ids.make(exchange_->request_id_storage);
}

BackendRef ClientConnection::choose_canary(const CanaryRules& rules, BackendRef primary) {
  auto canary = worker_.table.find_backend(rules.backend());
  if (canary == nullptr || canary->empty()) return primary;
  const bool takes =
      rules.takes(exchange_->request, primary.get(), *canary, worker_.matcher, worker_.random);
  return takes ? canary : primary;
}

bool ClientConnection::settle_cors() {
  auto& exchange = *exchange_;
  const auto& cors = exchange.rules->cors;
  if (!cors || !cors->add_lines(exchange.request, exchange.route_lines)) return false;
  exchange.route_names.assign(cors->names().begin(), cors->names().end());
  return exchange.request.method == "OPTIONS";
}

bool ClientConnection::has_right_subject() const {
  const auto subject = identity_ == nullptr ? std::string_view() : identity_->subject;
  return exchange_->host->takes_subject(subject, worker_.matcher);
}

void ClientConnection::settle_fields() {
  auto& exchange = *exchange_;
  if (std::exchange(exchange.fields_are_settled, true)) return;
  const auto parts = request_parts();
  auto& names = exchange.route_names;
  if (exchange.rules != nullptr) {
    exchange.rules->response_fields.add_lines(parts, exchange.route_lines, names);
    exchange.route_lines += exchange.rules->via;
  }
  exchange.headers = worker_.table.headers();
  if (exchange.headers != nullptr) {
    exchange.headers->response.add_lines(parts, exchange.route_lines, names);
  }
  exchange.sets_hsts = std::ranges::any_of(names, [](std::string_view name) {
    return equal_ignoring_case(name, "Strict-Transport-Security");
  });
}

bool ClientConnection::client_has_left() const {
  // Bytes of a next request, read already, say that it is still there.
  return stream_.peer_has_left() && begin_ + head_length_ >= end_;
}

Task<ClientConnection::Next> ClientConnection::redirect(table::Redirect elsewhere) {
  auto location = std::move(elsewhere.location);
  co_return co_await answer(AnswerReason::Redirect, std::move(location), elsewhere.status);
}

int ClientConnection::own_status(AnswerReason reason) const {
  const auto status = status_of(reason, worker_.table.settings().status);
  if (exchange_->rules == nullptr) return status;
  const auto unanswered = exchange_->route->rules->unanswered_status;
  return unanswered != 0 && (status == 502 || status == 504) ? unanswered : status;
}

bool ClientConnection::closes_after(int status) const {
  return status >= 400 && exchange_->rules != nullptr && exchange_->route->rules->close_after_error;
}

BackendRef ClientConnection::find_plain_backend() {
  exchange_->is_plain = true;
  return worker_.table.find_backend(exchange_->route->rules->plain_backend);
}

Task<ClientConnection::Next> ClientConnection::answer(AnswerReason reason, std::string location,
                                                      int redirect_status) {
  const auto& request = exchange_->request;
  if (!exchange_->upgrade.empty()) count_failed_handshake(reason);
  if (exchange_->upgrade == kWebSocket && status_of(reason) >= 400 &&
      exchange_->route->tunnels->refusal == table::TunnelPolicy::Refusal::Close) {
    co_return co_await refuse_by_close(reason);
  }
  const auto status = redirect_status == 0 ? own_status(reason) : redirect_status;
  const bool unread_body = !exchange_->request_body.done();
  // Of a body over the limit, what was read is all that anybody counted.
  const bool keep_alive = request.keep_alive && !unread_body && !worker_.draining &&
                          reason != AnswerReason::BodyTooLarge && !closes_after(status);
  worker_.counters.answers[static_cast<std::size_t>(reason)].add();
  if (has_fields_to_settle()) settle_fields();
  if (wants_error_page(status)) {
    const auto next = co_await show_error_page(status, keep_alive);
    if (next == Next::Request) begin_ += head_length_;
    if (next) co_return *next;
  }
  AnswerRequest how;
  how.location = location;
  how.status = status;
  how.fields = exchange_->answer_fields;
  how.route_fields = exchange_->route_lines;
  how.replaced = exchange_->route_names;
  how.head_only = request.method == "HEAD";
  how.keep_alive = keep_alive;
  how.retry_after = worker_.retry_after();
  if (stream_.is_tls() && !exchange_->sets_hsts) how.hsts = worker_.table.hsts();
  for (const auto& field : request.fields) {
    if (field.id == FieldName::Other && equal_ignoring_case(field.name, "Accept")) {
      how.accept = field.value;
    }
  }
  count_status(status);
  const bool written = co_await write_all(make_answer(reason, how));
  if (!written) co_return Next::Close;
  if (!keep_alive) co_return Next::Linger;
  // What belongs to this request is its head, and of its body what came with it.
  begin_ += head_length_;
  co_return Next::Request;
}

Task<ClientConnection::Next> ClientConnection::refuse_by_close(AnswerReason reason) {
  worker_.counters.answers[static_cast<std::size_t>(reason)].add();
  count_status(101);
  auto bytes = make_websocket_answer(exchange_->handshake);
  const auto status = status_of(reason, worker_.table.settings().status);
  bytes += make_refusing_close(reason, status, worker_.retry_after());
  const bool written = co_await write_all(std::move(bytes));
  co_return written ? Next::Linger : Next::Close;
}

Task<ClientConnection::Next> ClientConnection::answer_malformed(AnswerReason reason) {
  worker_.counters.answers[static_cast<std::size_t>(reason)].add();
  count_status(status_of(reason));
  closes_for_ = CloseReason::ProtocolError;
  AnswerRequest how;
  if (stream_.is_tls()) how.hsts = worker_.table.hsts();
  const bool written = co_await write_all(make_answer(reason, how));
  co_return written ? Next::Linger : Next::Close;
}

Task<bool> ClientConnection::write_all(std::string bytes) {
  std::size_t sent = 0;
  if (exchange_ != nullptr) exchange_->tally.response_bytes += bytes.size();
  start_timer(worker_.timeouts.send);
  while (sent < bytes.size()) {
    const auto result = stream_.try_write(bytes.data() + sent, bytes.size() - sent);
    if (result.ok()) {
      sent += result.bytes;
      continue;
    }
    if (result.status != IoResult::Status::WouldBlock) co_return false;
    const auto wake = co_await wait();
    if (wake != Wake::Io) co_return false;
  }
  co_return true;
}

Task<bool> ClientConnection::linger() {
  stream_.shutdown_write();
  start_timer(kLinger);
  // Below TLS: what comes is thrown away, whatever it says.
  auto* io = stream_.io();
  std::size_t discarded = 0;
  while (discarded < kLingerBytes) {
    const auto scratch = worker_.scratch();
    const auto got = ::recv(io->fd, scratch.data(), scratch.size(), 0);
    if (got > 0) {
      discarded += static_cast<std::size_t>(got);
      continue;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) break;
    if (co_await wait() != Wake::Io) break;
  }
  co_return true;
}

}  // namespace weir::proxy
