#include "proxy/relay.h"

#include <algorithm>
#include <utility>

#include "proxy/mirror.h"
#include "proxy/response_rewrite.h"
#include "proxy/socket_options.h"

namespace weir::proxy {

namespace {

constexpr std::uint8_t kCarefulReads = 16;

}  // namespace

ClientConnection::Relay::Relay(ClientConnection& connection, Stream& backend, bool reused,
                               const AllowedRetries& retries)
    : connection_(connection),
      worker_(connection.worker_),
      exchange_(*connection.exchange_),
      client_(connection.stream_),
      backend_(backend),
      reused_(reused),
      retries_(retries),
      held_(worker_.held, connection),
      body_rate_(worker_.limits.body_bytes_per_second, worker_.timeouts.body_grace),
      reader_rate_(worker_.limits.response_bytes_per_second, worker_.timeouts.body_grace),
      pace_(exchange_.rules == nullptr ? table::ResponseRate()
                                       : exchange_.route->rules->response_rate) {}

bool ClientConnection::Relay::may_repeat() const {
  return phase_ == Phase::Head && !informed_ && !body_read_ &&
         (retries_.repeat_sent || !head_sent_);
}

void ClientConnection::Relay::fail(AnswerReason reason) {
  if (!to_client_.empty()) return abort();
  const bool again = may_repeat() && retries_.allow(reason);
  finish({again ? Outcome::Kind::Retry : Outcome::Kind::Failed, Next::Close, reason});
}

bool ClientConnection::Relay::step() {
  bool moved = false;
  if (!over_ && !backend_deaf_) moved = send_request();
  if (!over_) moved |= receive_response();
  held_.set(to_backend_.size() + to_client_.size() + partial_head_.size() + held_response_.size() +
            connection_.early_.size());
  return moved;
}

// ---- request -----------------------------------------------------------------------------------

bool ClientConnection::Relay::send_request() {
  if (head_sent_ && to_backend_.empty()) return send_request_body();
  if (!head_sent_) {
    const auto& gather = exchange_.to_backend;
    const auto result =
        backend_.try_write(gather.parts().data(), static_cast<int>(gather.parts().size()));
    if (result.status == IoResult::Status::WouldBlock) return false;
    head_sent_ = true;
    if (!result.ok()) {
      backend_deaf_ = true;
    } else if (result.bytes < gather.size()) {
      to_backend_ = gather.rest_after(result.bytes);
    }
    return true;
  }
  return flush(to_backend_, backend_, backend_deaf_);
}

bool ClientConnection::Relay::send_request_body() {
  auto& body = exchange_.request_body;
  if (body.done()) return false;
  const auto scratch = room(careful_to_backend_);
  const auto result = client_.try_read(scratch.first(body.most(scratch.size())));
  switch (result.status) {
    case IoResult::Status::WouldBlock:
      body_rate_.wait(worker_.loop.now());
      return false;
    case IoResult::Status::Eof:
    case IoResult::Status::Failed:
      client_left();
      return true;
    case IoResult::Status::Ok:
      break;
  }
  body_rate_.came(result.bytes, worker_.loop.now());
  body_read_ = true;
  const auto bytes = scratch.first(result.bytes);
  const auto taken = body.take(bytes);
  const auto limit = exchange_.route->requests->body_bytes;
  if (taken.malformed || (limit != 0 && body.received() > limit)) {
    // The backend sees a body that never ends; its answer would be about something else.
    if (phase_ == Phase::Head) {
      fail(taken.malformed ? AnswerReason::BadRequest : AnswerReason::BodyTooLarge);
    } else {
      abort();
    }
    return true;
  }
  // A next request that came along waits.
  if (taken.used < bytes.size())
    connection_.early_.assign(bytes.data() + taken.used, bytes.size() - taken.used);
  if (exchange_.mirror != nullptr) {
    exchange_.mirror->add_body(taken.to_forward);
    if (body.done()) exchange_.mirror->send();
  }
  const auto sent = backend_.try_write(taken.to_forward.data(), taken.to_forward.size());
  if (sent.status == IoResult::Status::Failed) {
    backend_deaf_ = true;
  } else if (sent.bytes < taken.to_forward.size()) {
    to_backend_.assign(taken.to_forward.data() + sent.bytes, taken.to_forward.size() - sent.bytes);
    careful_to_backend_ = kCarefulReads;
  }
  return true;
}

// ---- response ----------------------------------------------------------------------------------

bool ClientConnection::Relay::receive_response() {
  if (!to_client_.empty()) {
    const bool moved = flush(to_client_, client_, client_failed_);
    if (client_failed_) {
      client_left();
      return true;
    }
    if (moved && reader_rate_.is_on()) client_took_some();
    if (to_client_.empty()) settle();
    return moved;
  }
  if (phase_ == Phase::Done) {
    settle();
    return over_;
  }
  auto scratch = room(careful_to_client_);
  if (pace_.is_on()) {
    scratch = scratch.first(
        std::min({scratch.size(), WorkerState::kCarefulRead, pace_.room(worker_.loop.now())}));
    is_paced_ = scratch.empty();
    if (is_paced_) return false;
  }
  const auto result = backend_.try_read(scratch);
  switch (result.status) {
    case IoResult::Status::WouldBlock:
      return false;
    case IoResult::Status::Eof:
    case IoResult::Status::Failed:
      backend_ended(result.status == IoResult::Status::Failed);
      return true;
    case IoResult::Status::Ok:
      break;
  }
  heard_ = true;
  take_response(scratch.first(result.bytes));
  if (client_failed_) client_left();
  if (!over_ && to_client_.empty()) settle();
  return true;
}

void ClientConnection::Relay::take_response(std::span<char> bytes) {
  std::string joined;
  if (!partial_head_.empty()) {
    joined = std::move(partial_head_);
    joined.append(bytes.data(), bytes.size());
    bytes = joined;
    partial_head_.clear();
  }
  while (!over_ && phase_ == Phase::Head && !bytes.empty()) {
    const auto used = take_head(bytes);
    if (used == 0) return;
    bytes = bytes.subspan(used);
  }
  if (!over_ && !bytes.empty()) take_body(bytes);
}

std::size_t ClientConnection::Relay::take_head(std::span<char> bytes) {
  const auto limit = worker_.limits.response_head_bytes;
  const std::string_view view(bytes.data(), std::min(bytes.size(), limit));
  switch (scanner_.scan(view)) {
    case HeadScanner::State::Incomplete:
      if (view.size() == limit) {
        fail(AnswerReason::BadResponse);
      } else {
        partial_head_.assign(view);
      }
      return 0;
    case HeadScanner::State::Malformed:
      fail(AnswerReason::BadResponse);
      return 0;
    case HeadScanner::State::Complete:
      break;
  }
  auto used = scanner_.length();
  scanner_.reset();
  auto& head = exchange_.response;
  const auto& request = exchange_.request;
  if (parse_response_head(view.substr(0, used), request.method, worker_.limits, head) !=
      HeadError::None) {
    fail(AnswerReason::BadResponse);
    return 0;
  }
  if (head.status == 101) {
    switch_protocols(bytes.subspan(used));
    return bytes.size();
  }
  if (head.status < 200) {
    // RFC 9110 §15.2: passed on, but not to a client of HTTP/1.0.
    if (request.version >= 11) {
      ResponseEdit edit;
      gather_response(head, edit, exchange_.response_text, exchange_.to_client);
      emit(exchange_.to_client);
      informed_ = true;
    }
    return used;
  }
  if (may_repeat() && retries_.allow_status(head.status)) {
    finish({Outcome::Kind::Retry, Next::Close, AnswerReason::BadResponse});
    return 0;
  }
  if (exchange_.rules != nullptr && held_status_ == 0 && to_client_.empty() &&
      connection_.wants_error_page(head.status) && !exchange_.route->rules->error_pages->only_own) {
    hold(bytes, used);
    return 0;
  }
  respond_with(bytes.subspan(used), used);
  return used;
}

void ClientConnection::Relay::hold(std::span<char> bytes, std::size_t head_length) {
  const auto& head = exchange_.response;
  held_response_.assign(bytes.data(), bytes.size());
  Body body(head.framing);
  auto rest = held_response_.substr(head_length);
  const auto taken = body.take(rest);
  held_is_whole_ = head.keep_alive && !body.until_close() && body.done() &&
                   taken.used == rest.size() && request_is_out() && !backend_deaf_;
  held_status_ = head.status;
  if (head.status == 401) {
    // The client has to know how to say who it is.
    for (const auto& field : head.fields) {
      if (equal_ignoring_case(field.name, "WWW-Authenticate"))
        exchange_.answer_fields += field.line;
    }
  }
}

bool ClientConnection::Relay::may_keep_client() const {
  return exchange_.request.keep_alive && !worker_.draining && exchange_.request_body.done();
}

void ClientConnection::Relay::drop_held(Next next) {
  reusable_ = held_is_whole_;
  finish({Outcome::Kind::Over, next, {}});
}

void ClientConnection::Relay::go_on() {
  exchange_.answer_fields.clear();
  auto bytes = std::exchange(held_response_, {});
  take_response(bytes);
  if (client_failed_) client_left();
  if (!over_ && to_client_.empty()) settle();
}

ResponseEdit ClientConnection::Relay::edit_for(int status) {
  if (exchange_.rules != nullptr && exchange_.route->rules->response_rewrite) {
    rewrite_response(*exchange_.route->rules->response_rewrite, connection_.request_parts(),
                     exchange_.response, exchange_.rewritten);
  }
  auto edit = connection_.edit_responses();
  edit.set_cookie = exchange_.set_cookie;
  edit.auth_cookies = exchange_.auth_cookies_for(status);
  return edit;
}

/// The final response: its head and what of the body came with it, in one write.
void ClientConnection::Relay::respond_with(std::span<char> body_start, std::size_t& used) {
  const auto& request = exchange_.request;
  const auto& head = exchange_.response;
  response_body_ = Body(head.framing);
  strip_chunks_ = request.version < 11 && head.framing.kind == Framing::Kind::Chunked;
  end_shows_length_ = strip_chunks_ || response_body_.until_close();
  keep_alive_ = request.keep_alive && !worker_.draining && !strip_chunks_ &&
                !response_body_.until_close() && exchange_.request_body.done() &&
                !connection_.closes_after(head.status);
  reusable_ = head.keep_alive && !response_body_.until_close();

  auto edit = edit_for(head.status);
  edit.client_version = request.version;
  edit.keep_alive = keep_alive_;
  gather_response(head, edit, exchange_.response_text, exchange_.to_client);
  answer_begins(head.status);
  phase_ = Phase::Body;

  const auto taken = response_body_.take(body_start, strip_chunks_);
  exchange_.to_client.add({taken.to_forward.data(), taken.to_forward.size()});
  emit(exchange_.to_client);
  if (pace_.is_on()) pace_.sent(taken.to_forward.size(), worker_.loop.now());
  used += taken.used;
  if (taken.malformed) {
    abort();
  } else if (response_body_.done()) {
    phase_ = Phase::Done;
  }
}

void ClientConnection::Relay::answer_begins(int status) {
  auto& tally = exchange_.tally;
  tally.header_took = worker_.loop.now() - tally.upstream_begun;
  connection_.count_status(status);
}

void ClientConnection::Relay::switch_protocols(std::span<char> rest) {
  const auto& head = exchange_.response;
  const auto protocol = exchange_.upgrade;
  const bool right = protocol == kWebSocket
                         ? check_websocket_answer(head, exchange_.handshake).empty()
                         : !protocol.empty() && equal_ignoring_case(head.upgrade, protocol);
  if (!right) {
    fail(AnswerReason::BadResponse);
    return;
  }
  auto edit = edit_for(head.status);
  edit.upgrade = protocol;
  gather_response(head, edit, exchange_.response_text, exchange_.to_client);
  exchange_.to_client.add({rest.data(), rest.size()});
  seen_.assign(rest.data(), rest.size());
  emit(exchange_.to_client);
  answer_begins(head.status);
  tunnel_ = true;
  finish({Outcome::Kind::Over, Next::Close, {}});
}

void ClientConnection::Relay::take_body(std::span<char> bytes) {
  if (phase_ == Phase::Done) {
    reusable_ = false;  // bytes behind the end of a response: whose would they be?
    return;
  }
  const auto taken = response_body_.take(bytes, strip_chunks_);
  emit(taken.to_forward);
  if (pace_.is_on()) pace_.sent(taken.to_forward.size(), worker_.loop.now());
  if (taken.malformed) {
    abort();
    return;
  }
  if (taken.used < bytes.size()) reusable_ = false;
  if (response_body_.done()) phase_ = Phase::Done;
}

void ClientConnection::Relay::backend_ended(bool failed) {
  if (phase_ == Phase::Head) {
    const bool replayable = is_idempotent(exchange_.request.method) || !head_sent_;
    if (reused_ && !heard_ && !body_read_ && replayable) {
      finish({Outcome::Kind::Stale, Next::Close, {}});
    } else {
      fail(AnswerReason::UpstreamReset);
    }
    return;
  }
  if (response_body_.until_close() && !failed) {
    response_body_.close();
    phase_ = Phase::Done;
    settle();
    return;
  }
  abort();
}

// ---- both --------------------------------------------------------------------------------------

std::span<char> ClientConnection::Relay::room(std::uint8_t& careful) const {
  const auto scratch = worker_.scratch();
  if (careful == 0) return scratch;
  --careful;
  return scratch.first(WorkerState::kCarefulRead);
}

void ClientConnection::Relay::emit(const Gather& gather) {
  std::size_t sent = 0;
  exchange_.tally.response_bytes += gather.size();
  if (to_client_.empty()) {
    const auto result =
        client_.try_write(gather.parts().data(), static_cast<int>(gather.parts().size()));
    client_failed_ |= result.status == IoResult::Status::Failed;
    sent = result.bytes;
  }
  if (sent < gather.size()) {
    client_falls_behind();
    to_client_ += gather.rest_after(sent);
  }
}

void ClientConnection::Relay::emit(std::span<const char> bytes) {
  if (bytes.empty()) return;
  exchange_.tally.response_bytes += bytes.size();
  if (to_client_.empty()) {
    const auto result = client_.try_write(bytes.data(), bytes.size());
    client_failed_ |= result.status == IoResult::Status::Failed;
    bytes = bytes.subspan(result.bytes);
  }
  if (!bytes.empty()) {
    client_falls_behind();
    to_client_.append(bytes.data(), bytes.size());
  }
}

void ClientConnection::Relay::client_falls_behind() {
  careful_to_client_ = kCarefulReads;
  if (!to_client_.empty() || !reader_rate_.is_on()) return;
  reader_rate_.wait(acknowledged(), worker_.loop.now());
}

void ClientConnection::Relay::client_took_some() {
  const auto now = worker_.loop.now();
  reader_rate_.took(now);
  if (to_client_.empty()) reader_rate_.caught_up(acknowledged(), now);
}

std::uint64_t ClientConnection::Relay::acknowledged() const {
  return bytes_acknowledged(client_.io()->fd);
}

bool ClientConnection::Relay::flush(std::string& bytes, Stream& to, bool& failed) {
  const auto result = to.try_write(bytes.data(), bytes.size());
  if (result.status == IoResult::Status::WouldBlock) return false;
  if (!result.ok()) {
    failed = true;
    bytes.clear();
  } else if (result.bytes == bytes.size()) {
    std::string().swap(bytes);  // its memory, too: it may be large
  } else {
    bytes.erase(0, result.bytes);
  }
  return true;
}

/// Ends the try when the response is out.
void ClientConnection::Relay::settle() {
  if (phase_ != Phase::Done || !to_client_.empty()) return;
  reusable_ = reusable_ && request_is_out() && !backend_deaf_;
  finish({Outcome::Kind::Over, keep_alive_ ? Next::Request : Next::Linger, {}});
}

void ClientConnection::Relay::abort() {
  // Where the framing does not show the client that something is missing, a reset does.
  if (phase_ == Phase::Body && end_shows_length_) client_.close(/*reset=*/true);
  reusable_ = false;
  finish({Outcome::Kind::Over, Next::Close, {}});
}

void ClientConnection::Relay::client_left() {
  worker_.counters.requests_aborted.add();
  abort();
}

bool ClientConnection::Relay::waits_for_client() const {
  return head_sent_ && to_backend_.empty() && !exchange_.request_body.done();
}

std::chrono::milliseconds ClientConnection::Relay::patience() const {
  const auto& timeouts = worker_.timeouts;
  if (!to_client_.empty()) {
    return reader_rate_.is_on() ? reader_rate_.limit(timeouts.send, worker_.loop.now())
                                : timeouts.send;
  }
  if (is_paced_) return pace_.pause(worker_.loop.now());
  const auto& policy = *exchange_.route->requests;
  const std::chrono::milliseconds read_timeout(policy.read_timeout_ms);
  if (waits_for_client()) {
    const auto usual = phase_ == Phase::Head ? timeouts.body : read_timeout;
    return body_rate_.limit(usual, worker_.loop.now());
  }
  if (phase_ != Phase::Head) return read_timeout;
  if (!exchange_.upgrade.empty()) {
    return std::chrono::milliseconds(exchange_.route->tunnels->handshake_timeout_ms);
  }
  return head_sent_ && to_backend_.empty() ? read_timeout
                                           : std::chrono::milliseconds(policy.send_timeout_ms);
}

/// True: it is not yet time to give the client up, though it was to be asked.
bool ClientConnection::Relay::client_reads_on() {
  const auto now = worker_.loop.now();
  if (!reader_rate_.is_on()) return false;
  if (!reader_rate_.is_too_slow(acknowledged(), now)) {
    return reader_rate_.has_time(worker_.timeouts.send, now);
  }
  worker_.counters.slow_readers_cut.add();
  client_.close(/*reset=*/true);  // else the kernel goes on sending what it has
  return false;
}

void ClientConnection::Relay::time_out() {
  if (!to_client_.empty() && client_reads_on()) return;
  if (to_client_.empty() && is_paced_) return;
  if (phase_ != Phase::Head || !to_client_.empty()) return client_left();
  fail(waits_for_client() ? AnswerReason::BodyTimeout : AnswerReason::ResponseTimeout);
}

}  // namespace weir::proxy
