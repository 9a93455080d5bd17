#include "proxy/subrequest.h"

#include <utility>

#include "proxy/exchange.h"
#include "proxy/tries.h"
#include "proxy/upstream_connect.h"

namespace weir::proxy {

namespace {

constexpr std::uint64_t kMostThrownAway = 64 * 1024;

}  // namespace

Subrequest* Subrequest::start(WorkerState& worker, What what, Done done) {
  auto* made = new Subrequest(worker, std::move(what), std::move(done));
  made->run();
  return made;
}

Subrequest::Subrequest(WorkerState& worker, What what, Done done)
    : Fiber(worker.loop),
      worker_(worker),
      what_(std::move(what)),
      done_(std::move(done)),
      held_(worker.held, *this) {
  worker_.open.push_back(*this);
}

void Subrequest::forget() {
  done_ = nullptr;
  notify();
}

void Subrequest::tell(const SubrequestAnswer& answer) {
  const auto done = std::exchange(done_, nullptr);
  if (done != nullptr) done(answer);
}

Detached Subrequest::run() {
  const bool answered = co_await ask();
  if (!answered) tell({});
  delete this;
}

Task<bool> Subrequest::ask() {
  Tries tries(worker_, *what_.backend, util::Rare<table::Retries>::usual(), nullptr);
  Affinity affinity;
  std::vector<EndpointRef> tried;
  bool try_kept = true;
  EndpointRef endpoint;
  while (!is_abandoned() && !cancelled()) {
    if (endpoint == nullptr) endpoint = tries.next_endpoint(affinity, tried);
    if (endpoint == nullptr) co_return false;
    bool kept = false;
    auto upstream = co_await connection_to(*endpoint, try_kept, kept);
    bool answered = upstream.stream.is_open();
    if (answered) answered = co_await send(upstream.stream);
    if (answered) answered = co_await receive(upstream.stream);
    if (answered && what_.most_body != 0) {
      answered = co_await collect(upstream.stream);
      if (is_too_large_) co_return false;
    }
    if (answered) {
      endpoint->health.succeeded();
      tell({&head_, body_});
      if (what_.most_body == 0) is_quiet_ = co_await drain(upstream.stream);
      ++upstream.requests;
      if (is_quiet_) endpoint->keep_idle(std::move(upstream), worker_.pool_limits);
      co_return true;
    }
    if (what_.is_sent_once) co_return false;
    if (kept) {
      try_kept = false;  // it had died: the same endpoint, on a new connection
      continue;
    }
    tries.connect_failed(*endpoint, AnswerReason::ConnectFailed);
    tried.push_back(std::exchange(endpoint, nullptr));
  }
  co_return false;
}

Task<UpstreamConnection> Subrequest::connection_to(Endpoint& endpoint, bool try_kept, bool& kept) {
  const auto lane = what_.lane == nullptr ? 0 : what_.lane->number();
  UpstreamConnection upstream;
  if (try_kept) upstream = endpoint.take_idle(lane);
  kept = upstream.stream.is_open();
  if (kept) {
    upstream.stream.listen(*this);
    co_return upstream;
  }
  auto failure = AnswerReason::ConnectFailed;
  upstream.stream = co_await connect_to(*this, worker_, endpoint, what_.policy, failure);
  upstream.lane = lane;
  upstream.close_after = loop().now() + worker_.timeouts.upstream_lifetime;
  if (upstream.stream.is_open() && what_.lane != nullptr) {
    const auto& name = what_.backend->name();
    const bool agreed = co_await start_upstream_tls(*this, worker_, upstream.stream, endpoint, name,
                                                    *what_.lane, failure);
    if (!agreed) upstream.stream.close();
  }
  co_return upstream;
}

Task<bool> Subrequest::send(Stream& stream) {
  start_timer(std::chrono::milliseconds(what_.policy.send_timeout_ms));
  for (std::size_t sent = 0; sent < what_.bytes.size();) {
    const auto result = stream.try_write(what_.bytes.data() + sent, what_.bytes.size() - sent);
    if (result.ok()) {
      sent += result.bytes;
      continue;
    }
    if (result.status != IoResult::Status::WouldBlock) co_return false;
    const auto wake = co_await wait();
    if (wake != Wake::Io || is_abandoned()) co_return false;
  }
  co_return true;
}

Task<bool> Subrequest::receive(Stream& stream) {
  const auto limit = worker_.limits.response_head_bytes;
  HeadScanner scanner;
  bytes_.clear();
  start_timer(std::chrono::milliseconds(what_.policy.read_timeout_ms));
  for (;;) {
    const auto state = bytes_.empty() ? HeadScanner::State::Incomplete : scanner.scan(bytes_);
    if (state == HeadScanner::State::Malformed) co_return false;
    if (state == HeadScanner::State::Complete) {
      head_length_ = scanner.length();
      const auto error = parse_response_head(std::string_view(bytes_).substr(0, head_length_),
                                             what_.method, worker_.limits, head_);
      if (error != HeadError::None || head_.status == 101) co_return false;
      if (head_.status >= 200) co_return true;
      bytes_.erase(0, head_length_);  // 1xx
      scanner.reset();
      continue;
    }
    if (bytes_.size() >= limit) co_return false;
    const auto scratch = worker_.scratch().first(std::min(limit - bytes_.size(), kMostThrownAway));
    const auto result = stream.try_read(scratch);
    if (result.ok()) {
      bytes_.append(scratch.data(), result.bytes);
      continue;
    }
    if (result.status != IoResult::Status::WouldBlock) co_return false;
    const auto wake = co_await wait();
    if (wake != Wake::Io || is_abandoned()) co_return false;
  }
}

Task<bool> Subrequest::collect(Stream& stream) {
  Body body(head_.framing);
  is_quiet_ = head_.keep_alive && !body.until_close();
  body_.clear();
  auto bytes = bytes_.substr(head_length_);  // a copy: the head's views stay
  start_timer(std::chrono::milliseconds(what_.policy.read_timeout_ms));
  for (;;) {
    const auto taken = body.take(bytes, /*strip=*/true);
    if (taken.malformed) co_return false;
    if (taken.used < bytes.size()) is_quiet_ = false;
    body_.append(taken.to_forward.data(), taken.to_forward.size());
    held_.set(body_.size());
    is_too_large_ = body_.size() > what_.most_body;
    if (is_too_large_) co_return false;
    if (body.done()) co_return true;
    bytes.clear();
    while (bytes.empty()) {
      const auto scratch = worker_.scratch().first(WorkerState::kCarefulRead);
      const auto result = stream.try_read(scratch);
      if (result.ok()) {
        bytes.assign(scratch.data(), result.bytes);
        continue;
      }
      if (result.status == IoResult::Status::Eof && body.until_close()) co_return true;
      if (result.status != IoResult::Status::WouldBlock) co_return false;
      const auto wake = co_await wait();
      if (wake != Wake::Io || is_abandoned()) co_return false;
    }
  }
}

Task<bool> Subrequest::drain(Stream& stream) {
  Body body(head_.framing);
  if (!head_.keep_alive || body.until_close()) co_return false;
  const auto start = std::span(bytes_).subspan(head_length_);
  const auto with_head = body.take(start);
  if (with_head.malformed || with_head.used < start.size()) co_return false;
  start_timer(std::chrono::milliseconds(what_.policy.read_timeout_ms));
  while (!body.done()) {
    if (body.received() > kMostThrownAway) co_return false;
    const auto scratch = worker_.scratch().first(WorkerState::kCarefulRead);
    const auto result = stream.try_read(scratch);
    if (result.ok()) {
      const auto bytes = scratch.first(result.bytes);
      const auto taken = body.take(bytes);
      if (taken.malformed || taken.used < bytes.size()) co_return false;
      continue;
    }
    if (result.status != IoResult::Status::WouldBlock) co_return false;
    const auto wake = co_await wait();
    if (wake != Wake::Io) co_return false;
  }
  co_return true;
}

}  // namespace weir::proxy
