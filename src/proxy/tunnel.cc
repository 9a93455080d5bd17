#include "proxy/tunnel.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <openssl/rand.h>

#include "proxy/control_frame.h"
#include "proxy/socket_options.h"
#include "proxy/tunnel_group.h"
#include "proxy/tunnel_log.h"

namespace weir::proxy {

namespace {

using std::chrono::milliseconds;

/// Reads of one side in one turn: others wait meanwhile.
constexpr int kReadsPerTurn = 4;
/// Small reads after one that the other side did not take.
constexpr std::uint8_t kCarefulReads = 16;
/// A tunnel that lasts so long is worth the syscalls that make TCP look after it.
constexpr milliseconds kSettled{5'000};
/// A tunnel whose sides say nothing: they are asked by TCP after so long …
constexpr milliseconds kSilence{30'000};
/// … or up to so much later, each tunnel another time: not all at once after what all have heard …
constexpr milliseconds kSilenceSpread{10'000};
/// … and then every so often.
constexpr milliseconds kAskedEvery{30'000};
constexpr Side kSides[] = {Side::Client, Side::Backend};
constexpr std::uint16_t kGoingAway = 1001;  // RFC 6455 §7.4.1
constexpr std::uint16_t kMessageTooBig = 1009;
/// An index behind the peers' own, in Counters::tunnel_close_codes.
constexpr std::size_t kByWeir = 2;
constexpr auto kNowhere = std::string_view::npos;

/// As whom weir speaks to `side`.
FrameWatcher::Sender role_towards(Side side) {
  return side == Side::Client ? FrameWatcher::Sender::Server : FrameWatcher::Sender::Client;
}

/// TCP has given a peer up. What routers said of it meanwhile goes before ETIMEDOUT (RFC 1122
/// §4.2.3.9).
bool found_dead(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN;
}

std::uint64_t ms_of(TimerWheel::TimePoint time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count());
}

/// For people, in Close frames.
std::string_view sentence_of(TunnelEnd why) {
  switch (why) {
    case TunnelEnd::IdleTimeout:
      return "idle";
    case TunnelEnd::HalfClosed:
      return "the other side is gone";
    case TunnelEnd::MaxDuration:
      return "open for its longest time";
    case TunnelEnd::PingTimeout:
    case TunnelEnd::PeerDead:
      return "the other side does not answer";
    case TunnelEnd::Stalled:
      return "the other side does not read";
    case TunnelEnd::Drain:
      return "the proxy is going away";
    case TunnelEnd::RouteChanged:
      return "the route has changed";
    case TunnelEnd::EndpointTerminating:
    case TunnelEnd::EndpointGone:
      return "the server is going away";
    case TunnelEnd::Rebalance:
      return "moving to another server";
    case TunnelEnd::AuthExpired:
      return "authorisation expired";
    case TunnelEnd::FrameTooLarge:
      return "frame too large";
    case TunnelEnd::Admin:
      return "ended by the operator";
    default:
      return "";
  }
}

}  // namespace

inline void Tunnel::count_bytes(Side from, std::size_t bytes) {
  direction(from).bytes += bytes;
  group_.counters->from[index(from)].bytes.add(bytes);
}

// ---- life --------------------------------------------------------------------------------------

void Tunnel::open(WorkerState& worker, Stream client, Stream backend, TunnelStart start) {
  auto early = std::move(start.to_backend);
  const auto seen = std::move(start.seen);
  const auto request = start.request;
  auto* tunnel = new Tunnel(worker, std::move(client), std::move(backend), std::move(start));
  if (tunnel->is_logged_) {
    log_opened(*worker.access_log, worker.options.wall_clock(), *tunnel, request);
  }
  tunnel->count_bytes(Side::Client, early.size());
  tunnel->count_bytes(Side::Backend, seen.size());
  if (tunnel->direction(Side::Backend).watched) tunnel->watch(Side::Backend, seen);
  tunnel->arm();
  worker.tunnels.opened(*tunnel, tunnel->group_);
  if (!early.empty() && !tunnel->take(Side::Client, early)) return;
  // What is readable already gives no further event.
  if (tunnel->pump(Side::Client)) tunnel->pump(Side::Backend);
}

Tunnel::Tunnel(WorkerState& worker, Stream client, Stream backend, TunnelStart start)
    : worker_(worker),
      group_(*start.group),
      sides_{std::move(client), std::move(backend)},
      from_{Direction(FrameWatcher::Sender::Client), Direction(FrameWatcher::Sender::Server)},
      endpoint_(std::move(start.endpoint)),
      place_(std::move(start.place)),
      client_place_(std::move(start.client_place)),
      timer_(*this),
      id_(worker.tunnels.registry().next_id()),
      opened_(worker.loop.now()),
      last_byte_(opened_),
      client_(start.client),
      counted_by_client_(start.counted_by_client),
      counted_by_total_(start.total_place.release()),
      counted_by_route_(start.route_place.release()),
      counted_by_endpoint_(start.endpoint_place.release()),
      tls_(stream(Side::Client).is_tls() || group_.match.path.empty()),
      is_logged_(start.is_logged && worker.access_log != nullptr) {
  for (auto& direction : from_) direction.watched = start.websocket;
  if (!start.to_client.empty()) {
    direction(Side::Backend).rest = std::make_unique<Rest>(worker_, *this, start.to_client);
  }
  for (auto& side : sides_) side.listen(*this);
  worker_.open.push_back(*this);
  group_.tunnels.push_back(*this);
  group_.counters->opened.add();
  group_.counters->open.add();
  if (&group_.tunnels.front() == this) group_.counters->oldest.set(ms_of(opened_));
  if (start.auth) {
    const std::chrono::milliseconds interval(group_.policy->auth_interval_ms);
    extras().auth = std::make_unique<TunnelAuth>(*this, worker_, *std::move(start.auth), interval);
  }
  policy_changed();
}

Tunnel::~Tunnel() {
  if (counted_by_client_) group_.route->give_back(client_);
  if (counted_by_total_) {
    worker_.tunnels.registry().all()->tunnels.fetch_sub(1, std::memory_order_relaxed);
  }
  if (counted_by_route_) group_.route->tunnels.fetch_sub(1, std::memory_order_relaxed);
  if (counted_by_endpoint_) {
    endpoint_->shared(worker_.tunnels.registry())->tunnels.fetch_sub(1, std::memory_order_relaxed);
  }
  for (const auto side : kSides) count_stall(side);
  if (&group_.tunnels.front() == this) {
    const auto next = std::next(group_.tunnels.begin());
    group_.counters->oldest.set(next == group_.tunnels.end() ? 0 : ms_of(next->opened_));
  }
  group_.counters->open.subtract();
  worker_.counters.connections_open.subtract();
}

Tunnel::Extras& Tunnel::extras() {
  if (extras_ == nullptr) extras_ = std::make_unique<Extras>();
  return *extras_;
}

/// Before what could not go on is out, or forgotten.
void Tunnel::count_stall(Side from) {
  const auto& rest = direction(from).rest;
  if (rest == nullptr) return;
  const auto lasted = worker_.loop.now() - rest->begun;
  group_.counters->from[index(from)].stalled_us.add(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(lasted).count()));
}

void Tunnel::count_end(TunnelEnd why) {
  auto& counters = *group_.counters;
  counters.ended[static_cast<std::size_t>(why)].add();
  counters.durations.add(worker_.loop.now() - opened_);
}

void Tunnel::cut(TunnelEnd why) {
  if (why == TunnelEnd::Drain) worker_.counters.drain_cut_tunnels.add();
  close(why);
}

void Tunnel::close(TunnelEnd why) {
  count_end(why);
  if (worker_.draining) worker_.counters.drained_tunnels.add();
  if (is_logged_) {
    log_ended(*worker_.access_log, worker_.options.wall_clock(), *this, why);
  }
  delete this;
}

Tunnel::Rest::Rest(WorkerState& worker, OpenConnection& owner, std::string_view unsent)
    : bytes(unsent), begun(worker.loop.now()), since(begun), held(worker.held, owner) {
  held.set(bytes.size());
}

bool Tunnel::fail(Side side) {
  if (ending_ != nullptr) {
    close(ending_->why);
    return false;
  }
  if (found_dead(errno)) {
    // Nothing goes to a dead side any more, and nothing comes.
    direction(side).source_ended = true;
    direction(other(side)).sealed = direction(other(side)).finished = true;
    return begin_end(TunnelEnd::PeerDead, kGoingAway, kGoingAway, {});
  }
  // The other side learns of a reset as a reset.
  stream(other(side)).close(/*reset=*/true);
  close(side == Side::Client ? TunnelEnd::ClientReset : TunnelEnd::BackendReset);
  return false;
}

// ---- time --------------------------------------------------------------------------------------

void Tunnel::policy_changed() {
  const auto& policy = *group_.policy;
  const bool frames = direction(Side::Client).watched;
  by_frame_ = frames && (policy.ping_interval_ms != 0 || policy.max_frame_bytes != 0);
  if (frames && policy.ping_interval_ms != 0) {
    auto& heartbeat = extras().heartbeat;
    if (heartbeat == nullptr) {
      heartbeat = std::make_unique<Heartbeat>();
      RAND_bytes(reinterpret_cast<unsigned char*>(heartbeat->tag.data()),
                 static_cast<int>(heartbeat->tag.size()));
      for (const auto side : kSides) {
        heartbeat->heard[index(side)] = heartbeat->asked[index(side)] = worker_.loop.now();
      }
    }
  } else if (extras_ != nullptr) {
    extras_->heartbeat.reset();
  }
  if (planned_ == TunnelEnd::Count || planned_ == TunnelEnd::MaxDuration) plan_duration();
  arm();
}

std::uint64_t Tunnel::drawn(std::uint64_t below) const {
  std::uint64_t seed = id_ * 0x9e3779b97f4a7c15ULL;
  return next_random(seed) % below;
}

void Tunnel::plan_duration() {
  const auto& policy = *group_.policy;
  planned_ = TunnelEnd::Count;
  if (extras_ != nullptr) extras_->planned_words.reset();
  if (policy.max_duration_ms == 0) return;
  // Each lasts a little less than it may: those that came together do not go together.
  const auto spread = std::uint64_t{policy.max_duration_ms} * policy.duration_spread_percent / 100;
  planned_ = TunnelEnd::MaxDuration;
  planned_at_ = opened_ + milliseconds(policy.max_duration_ms - (spread == 0 ? 0 : drawn(spread)));
  // A policy that has just become shorter ends nobody at once.
  const auto now = worker_.loop.now();
  if (planned_at_ < now && policy.drain_window_ms > 0) {
    planned_at_ = now + milliseconds(next_random(worker_.random) % policy.drain_window_ms);
  }
}

void Tunnel::plan_end(TunnelEnd why, TimerWheel::TimePoint at, const CloseWords* words) {
  if (ending_ != nullptr || (planned_ != TunnelEnd::Count && planned_at_ <= at)) return;
  if (words != nullptr) {
    extras().planned_words = std::make_unique<CloseWords>(*words);
  } else if (extras_ != nullptr) {
    extras_->planned_words.reset();
  }
  planned_ = why;
  planned_at_ = at;
  arm();
}

void Tunnel::drop_plan() {
  plan_duration();
  arm();
}

/// Sets the timer to the first thing that time brings.
void Tunnel::arm() {
  const auto& policy = *group_.policy;
  const auto now = worker_.loop.now();
  auto first = now + milliseconds(3'600'000);
  if (ending_ != nullptr) {
    first = ending_->deadline;
  } else {
    const auto at_most = [&first](auto at) { first = std::min(first, at); };
    if (policy.idle_timeout_ms != 0) at_most(last_byte_ + milliseconds(policy.idle_timeout_ms));
    if (any_end_) at_most(last_byte_ + milliseconds(policy.half_closed_timeout_ms));
    if (planned_ != TunnelEnd::Count) at_most(planned_at_);
    at_most(has_options_ ? next_asked(now) : opened_ + kSettled);
    for (const auto& direction : from_) {
      if (direction.rest != nullptr) {
        at_most(direction.rest->since + milliseconds(policy.stall_timeout_ms));
      }
    }
    if (const auto* heartbeat = this->heartbeat()) {
      for (const auto side : kSides) {
        at_most(std::max(heartbeat->heard[index(side)], heartbeat->asked[index(side)]) +
                milliseconds(policy.ping_interval_ms));
      }
    }
  }
  worker_.loop.timers().set(
      timer_, std::max(std::chrono::ceil<milliseconds>(first - now), milliseconds(0)));
}

void Tunnel::on_timer(Timer&) {
  const auto now = worker_.loop.now();
  if (ending_ != nullptr) {
    if (now < ending_->deadline) return arm();
    auto& counters = *group_.counters;
    const bool sealed = from_[0].sealed && from_[1].sealed;
    const bool told = from_[0].finished && from_[1].finished;
    (told ? counters.ended_clean : counters.ended_forced).add();
    if (!sealed) counters.close_unaligned.add();
    return close(ending_->why);
  }
  const auto& policy = *group_.policy;
  if (!has_options_ && now - opened_ >= kSettled) set_options();
  if (has_options_) ask_silent_sides();
  const auto over = [&](auto since, std::uint32_t ms) { return now - since >= milliseconds(ms); };
  for (const auto& direction : from_) {
    if (direction.rest != nullptr && over(direction.rest->since, policy.stall_timeout_ms)) {
      return end(TunnelEnd::Stalled);
    }
  }
  if (policy.idle_timeout_ms != 0 && over(last_byte_, policy.idle_timeout_ms)) {
    return end(TunnelEnd::IdleTimeout);
  }
  if (any_end_ && over(last_byte_, policy.half_closed_timeout_ms)) {
    return end(TunnelEnd::HalfClosed);
  }
  if (planned_ != TunnelEnd::Count && now >= planned_at_) {
    const auto words = extras_ == nullptr ? nullptr : std::move(extras_->planned_words);
    return end(planned_, words == nullptr ? CloseWords{} : *words);
  }
  if (heartbeat() != nullptr && !beat()) return;
  arm();
}

void Tunnel::set_options() {
  has_options_ = true;
  for (auto& side : sides_) {
    const int fd = side.io()->fd;
    keep_alive(fd);
    give_up_after(fd, milliseconds(group_.policy->stall_timeout_ms));
  }
}

TimerWheel::TimePoint Tunnel::first_asked() const {
  return last_byte_ + kSilence + milliseconds(drawn(kSilenceSpread.count()));
}

/// After `now`.
TimerWheel::TimePoint Tunnel::next_asked(TimerWheel::TimePoint now) const {
  const auto first = first_asked();
  return now < first ? first : first + ((now - first) / kAskedEvery + 1) * kAskedEvery;
}

void Tunnel::ask_silent_sides() {
  const bool silent = worker_.loop.now() >= first_asked();
  if (!silent && !asks_) return;
  for (auto& side : sides_) (silent ? ask_if_there : need_not_ask)(side.io()->fd);
  asks_ = silent;
}

/// Pings the sides that have said nothing for too long.
bool Tunnel::beat() {
  const auto& policy = *group_.policy;
  const auto now = worker_.loop.now();
  const auto& heartbeat = *this->heartbeat();
  for (const auto side : kSides) {
    const auto i = index(side);
    const auto silent_since = std::max(heartbeat.heard[i], heartbeat.asked[i]);
    if (now - silent_since < milliseconds(policy.ping_interval_ms)) continue;
    if (heartbeat.missed[i] >= policy.ping_misses) {
      return begin_end(TunnelEnd::PingTimeout, kGoingAway, kGoingAway, {});
    }
    if (!ping(side)) return false;
  }
  return true;
}

bool Tunnel::ping(Side side) {
  const auto from = other(side);
  const auto& direction = this->direction(from);
  auto& heartbeat = *this->heartbeat();
  heartbeat.asked[index(side)] = worker_.loop.now();
  // Amid a frame, or with something unsent, there is no place for it; the side is not silent then.
  const bool place = direction.watcher.at_boundary() || direction.held != nullptr;
  if (!direction.watched || !place || direction.rest != nullptr || direction.sealed ||
      direction.finished) {
    return true;
  }
  ++heartbeat.missed[index(side)];
  heartbeat.sent[index(side)] = heartbeat.asked[index(side)];
  return send(from,
              make_ping_frame(role_towards(side), {heartbeat.tag.data(), heartbeat.tag.size()}));
}

// ---- bytes -------------------------------------------------------------------------------------

void Tunnel::on_io(IoHandle& io) {
  const Side side = &io == stream(Side::Client).io() ? Side::Client : Side::Backend;
  // Readable: its own bytes may go. Writable: the other's may come.
  if (io.readable && !pump(side)) return;
  if (direction(other(side)).rest != nullptr) pump(other(side));
}

bool Tunnel::pump(Side from) {
  auto& direction = this->direction(from);
  for (int reads = 0;;) {
    if (direction.rest != nullptr) {
      if (!flush(from)) return false;
      if (direction.rest == nullptr && ending_ != nullptr && !finish_sides()) return false;
      // What is thrown away anyway need not wait.
      if (direction.rest != nullptr && !direction.sealed) return true;
    }
    if (direction.source_ended) return pass_end_on(from);
    auto* io = stream(from).io();
    if (reads++ == kReadsPerTurn) {
      if (io->readable) worker_.loop.call_again(io);
      return true;
    }
    auto scratch = worker_.scratch();
    if (direction.careful > 0) scratch = scratch.first(WorkerState::kCarefulRead);
    const auto result = stream(from).try_read(scratch);
    switch (result.status) {
      case IoResult::Status::Ok:
        last_byte_ = worker_.loop.now();
        count_bytes(from, result.bytes);
        if (auto* heartbeat = this->heartbeat()) {
          heartbeat->heard[index(from)] = last_byte_;
          heartbeat->missed[index(from)] = 0;
        }
        if (!take(from, scratch.first(result.bytes))) return false;
        break;
      case IoResult::Status::WouldBlock:
        return true;
      case IoResult::Status::Eof:
        direction.source_ended = true;
        if (!std::exchange(any_end_, true)) {
          first_end_ = from;
          arm();
        }
        break;
      case IoResult::Status::Failed:
        return fail(from);
    }
  }
}

/// The source's FIN goes on, behind everything that came before it.
bool Tunnel::pass_end_on(Side from) {
  auto& direction = this->direction(from);
  if (direction.rest == nullptr && !direction.finished) {
    if (direction.held != nullptr && !direction.sealed) {
      const auto held = std::move(direction.held);
      if (!send(from, *held)) return false;
      if (direction.rest != nullptr) return true;
    }
    stream(other(from)).shutdown_write();
    direction.finished = true;
  }
  if (ending_ != nullptr) return finish_sides();
  if (!direction.finished || !this->direction(other(from)).finished) return true;
  close(first_end_ == Side::Client ? TunnelEnd::ClientClosed : TunnelEnd::BackendClosed);
  return false;
}

bool Tunnel::take(Side from, std::span<char> bytes) {
  auto& direction = this->direction(from);
  if (direction.sealed) {
    if (direction.watched) watch(from, bytes);
    return finish_sides();
  }
  if (direction.watched) {
    if (by_frame_ || ending_ != nullptr || direction.held != nullptr) {
      return take_frames(from, bytes);
    }
    watch(from, bytes);
  }
  return send(from, {bytes.data(), bytes.size()});
}

/// Frame by frame: for a tunnel that is to end at the next one's end, and for policies that keep
/// frames back.
bool Tunnel::take_frames(Side from, std::span<char> bytes) {
  auto& direction = this->direction(from);
  auto& watcher = direction.watcher;
  const auto most = group_.policy->max_frame_bytes;
  std::size_t at = 0;                                        // watched up to here
  std::size_t sent = 0;                                      // gone on up to here
  std::size_t frame = watcher.at_boundary() ? 0 : kNowhere;  // where the one at hand begins
  std::string joined;
  if (direction.held != nullptr) {
    joined = std::move(*direction.held);
    direction.held.reset();
    at = joined.size();
    frame = 0;
    joined.append(bytes.data(), bytes.size());
    bytes = joined;
  }
  const auto send_up_to = [&](std::size_t end) {
    const auto begin = std::exchange(sent, end);
    return begin >= end || send(from, {bytes.data() + begin, end - begin});
  };
  FrameCounts counts;
  for (;;) {
    if (ending_ != nullptr && watcher.at_boundary()) break;
    const bool was_closed = watcher.closed();
    const auto step = watcher.next(bytes.subspan(at));
    at += step.used;
    if (step.event == FrameWatcher::Event::More) break;
    if (step.event == FrameWatcher::Event::Lost) {
      give_up_watching();
      at = bytes.size();
      if (!send_up_to(at)) return false;
      return ending_ == nullptr || (seal_if_possible(from) && finish_sides());
    }
    if (step.event == FrameWatcher::Event::Header) {
      const auto& header = watcher.frame();
      if (most != 0 && frame != kNowhere && !header.is_control() && header.length > most) {
        count_frames(from, counts);
        if (!send_up_to(frame) || !refuse_frame(from)) return false;
        watch(from, bytes.subspan(at));
        return finish_sides();
      }
      continue;
    }
    // A frame's end. What it was is counted as `pass` does.
    const auto& header = watcher.frame();
    count_frame(header, counts);
    if (watcher.closed() && !was_closed) note_close(from);
    if (frame != kNowhere && may_be_own_pong(from) &&
        is_own_pong(bytes.subspan(frame, at - frame), header)) {
      group_.counters->pings.add(worker_.loop.now() - heartbeat()->sent[index(from)]);
      if (!send_up_to(frame)) return false;
      sent = at;
    }
    frame = at;
  }
  count_frames(from, counts);
  const bool undecided = by_frame_ && frame != kNowhere && !watcher.at_boundary() &&
                         (watcher.amid_header() || may_be_own_pong(from));
  if (undecided) {
    if (!send_up_to(frame)) return false;
    direction.held = std::make_unique<std::string>(bytes.data() + frame, at - frame);
  } else if (!send_up_to(at)) {
    return false;
  }
  if (ending_ == nullptr) return true;
  if (!seal_if_possible(from)) return false;
  if (direction.sealed && at < bytes.size()) watch(from, bytes.subspan(at));
  return finish_sides();
}

bool Tunnel::may_be_own_pong(Side from) const {
  const auto& header = from_[index(from)].watcher.frame();
  const auto* heartbeat = this->heartbeat();
  return heartbeat != nullptr && header.opcode == Opcode::Pong &&
         header.length == heartbeat->tag.size();
}

bool Tunnel::is_own_pong(std::span<const char> frame, const FrameHeader& header) const {
  const auto& tag = heartbeat()->tag;
  const auto payload = frame.last(tag.size());
  for (std::size_t i = 0; i < tag.size(); ++i) {
    const auto mask = header.masked ? header.mask[i % header.mask.size()] : 0U;
    if ((static_cast<unsigned char>(payload[i]) ^ mask) != static_cast<unsigned char>(tag[i])) {
      return false;
    }
  }
  return true;
}

bool Tunnel::send(Side from, std::string_view bytes) {
  auto& direction = this->direction(from);
  if (direction.rest != nullptr) {
    direction.rest->bytes += bytes;
    direction.rest->held.set(direction.rest->bytes.size());
    return true;
  }
  const auto to = other(from);
  while (!bytes.empty()) {
    const auto result = stream(to).try_write(bytes.data(), bytes.size());
    if (result.status == IoResult::Status::WouldBlock) {
      direction.rest = std::make_unique<Rest>(worker_, *this, bytes);
      direction.careful = kCarefulReads;
      arm();
      return true;
    }
    if (!result.ok()) return fail(to);
    bytes.remove_prefix(result.bytes);
  }
  if (direction.careful > 0) --direction.careful;
  return true;
}

bool Tunnel::flush(Side from) {
  auto& direction = this->direction(from);
  auto& bytes = direction.rest->bytes;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const auto result = stream(other(from)).try_write(bytes.data() + sent, bytes.size() - sent);
    if (result.status == IoResult::Status::WouldBlock) break;
    if (!result.ok()) return fail(other(from));
    sent += result.bytes;
  }
  if (sent == 0) return true;
  last_byte_ = worker_.loop.now();
  if (sent == bytes.size()) {
    count_stall(from);
    direction.rest.reset();
  } else {
    bytes.erase(0, sent);
    direction.rest->since = last_byte_;
    direction.rest->held.set(bytes.size());
  }
  return true;
}

// ---- frames ------------------------------------------------------------------------------------

void Tunnel::watch(Side from, std::span<const char> bytes) {
  auto& watcher = direction(from).watcher;
  const bool was_closed = watcher.closed();
  FrameCounts counts;
  watcher.pass(bytes, counts);
  count_frames(from, counts);
  if (watcher.lost()) return give_up_watching();
  if (watcher.closed() && !was_closed) note_close(from);
}

void Tunnel::count_frames(Side from, const FrameCounts& counts) {
  auto& cells = group_.counters->from[index(from)];
  if (counts.data != 0) cells.data_frames.add(counts.data);
  if (counts.messages != 0) {
    direction(from).messages += counts.messages;
    cells.messages.add(counts.messages);
  }
  if (counts.pings != 0) cells.pings.add(counts.pings);
  if (counts.pongs != 0) cells.pongs.add(counts.pongs);
  if (counts.closes != 0) cells.closes.add(counts.closes);
}

void Tunnel::note_close(Side from) {
  const auto code = direction(from).watcher.close_code();
  worker_.counters.tunnel_close_codes[index(from)][index_of_code(code)].add();
  if (!std::exchange(any_end_, true)) {
    first_end_ = from;
    arm();
  }
}

std::optional<std::uint16_t> Tunnel::close_code_from(Side side) const {
  const auto& watcher = from_[index(side)].watcher;
  if (!watcher.closed()) return std::nullopt;
  return watcher.close_code();
}

void Tunnel::give_up_watching() {
  for (auto& direction : from_) direction.watched = false;
  by_frame_ = false;
  if (extras_ != nullptr) extras_->heartbeat.reset();
  group_.counters->unwatched.add();
}

// ---- polite ends -------------------------------------------------------------------------------

void Tunnel::end(TunnelEnd why, CloseWords words) {
  const auto code = words.code == 0 ? group_.policy->close_code : words.code;
  begin_end(why, code, code, std::move(words.reason));
}

bool Tunnel::begin_end(TunnelEnd why, std::uint16_t to_client, std::uint16_t to_backend,
                       std::string reason) {
  if (ending_ != nullptr) return true;
  const auto& policy = *group_.policy;
  if (reason.empty()) reason = policy.close_reason;
  if (reason.empty()) reason = sentence_of(why);
  ending_ =
      std::make_unique<Ending>(Ending{why,
                                      {to_client, to_backend},
                                      std::move(reason),
                                      worker_.loop.now() + milliseconds(policy.close_timeout_ms)});
  arm();
  return seal_if_possible(Side::Client) && seal_if_possible(Side::Backend) && finish_sides();
}

/// The frame that `from` has begun does not go on. Its header is the last that was watched.
bool Tunnel::refuse_frame(Side from) {
  auto& direction = this->direction(from);
  const auto code_for = [from](Side side) { return side == from ? kMessageTooBig : kGoingAway; };
  // Whoever waits for it stands at a frame's end; of the sender nothing more is understood.
  if (ending_ == nullptr) {
    ending_ = std::make_unique<Ending>(
        Ending{TunnelEnd::FrameTooLarge,
               {code_for(Side::Client), code_for(Side::Backend)},
               std::string(sentence_of(TunnelEnd::FrameTooLarge)),
               worker_.loop.now() + milliseconds(group_.policy->close_timeout_ms)});
    arm();
  }
  direction.sealed = true;
  const auto to = other(from);
  direction.sent_code = code_for(to);
  worker_.counters.tunnel_close_codes[kByWeir][index_of_code(code_for(to))].add();
  if (!send(from, make_close_frame(role_towards(to), code_for(to), ending_->reason))) return false;
  return seal_if_possible(to) && finish_sides();
}

/// If the destination stands at a frame's end: our Close frame, and nothing more goes there.
bool Tunnel::seal_if_possible(Side from) {
  auto& direction = this->direction(from);
  if (direction.sealed || direction.finished) return true;
  if (!direction.watched || direction.watcher.closed()) {
    // There is no place for a frame, or the peer's own Close was the last.
    direction.sealed = true;
    return true;
  }
  if (!direction.watcher.at_boundary() && direction.held == nullptr) return true;
  direction.held.reset();
  direction.sealed = true;
  const auto to = other(from);
  const auto code = ending_->codes[index(to)];
  direction.sent_code = code;
  worker_.counters.tunnel_close_codes[kByWeir][index_of_code(code)].add();
  return send(from, make_close_frame(role_towards(to), code, ending_->reason));
}

/// Our FIN to each side with which all has been said; when that is both, the tunnel ends.
bool Tunnel::finish_sides() {
  if (ending_ == nullptr) return true;
  bool both = true;
  for (const auto side : kSides) {
    auto& to = direction(other(side));
    const auto& of = direction(side);
    const bool has_answered = of.source_ended || of.watcher.closed();
    if (to.sealed && to.rest == nullptr && !to.finished && (has_answered || !of.watched)) {
      stream(side).shutdown_write();
      to.finished = true;
    }
    both = both && to.finished && has_answered;
  }
  if (!both) return true;
  group_.counters->ended_clean.add();
  close(ending_->why);
  return false;
}

}  // namespace weir::proxy
