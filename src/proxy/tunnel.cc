#include "proxy/tunnel.h"

#include <utility>

namespace weir::proxy {

namespace {

/// Reads of one side in one turn: others wait meanwhile.
constexpr int kReadsPerTurn = 4;
/// Small reads after one that the other side did not take.
constexpr std::uint8_t kCarefulReads = 16;

}  // namespace

void Tunnel::open(WorkerState& worker, Stream client, Stream backend, EndpointRef endpoint,
                  Pending pending) {
  auto* tunnel = new Tunnel(worker, std::move(client), std::move(backend), std::move(endpoint),
                            std::move(pending));
  // What is readable already gives no further event.
  if (tunnel->pump(Client)) tunnel->pump(BackendSide);
}

Tunnel::Tunnel(WorkerState& worker, Stream client, Stream backend, EndpointRef endpoint,
               Pending pending)
    : worker_(worker),
      sides_{std::move(client), std::move(backend)},
      endpoint_(std::move(endpoint)),
      place_(std::move(pending.place)),
      held_(worker.held, *this),
      timer_(*this) {
  const auto keep = [](std::string& bytes) {
    return bytes.empty() ? nullptr : std::make_unique<std::string>(std::move(bytes));
  };
  from_[Client].rest = keep(pending.to_backend);
  from_[BackendSide].rest = keep(pending.to_client);
  sides_[Client].listen(*this);
  sides_[BackendSide].listen(*this);
  ++endpoint_->load;
  worker_.open.push_back(*this);
  worker_.counters.tunnels_opened.add();
  worker_.counters.tunnels_open.add();
  touch();
  count_held();
}

Tunnel::~Tunnel() {
  --endpoint_->load;
  worker_.counters.tunnels_open.subtract();
  worker_.counters.connections_open.subtract();
}

void Tunnel::count_held() {
  std::size_t bytes = 0;
  for (const auto& direction : from_) {
    if (direction.rest != nullptr) bytes += direction.rest->size();
  }
  held_.set(bytes);
}

void Tunnel::touch() {
  worker_.loop.timers().set(timer_, worker_.options.timeouts.tunnel_idle);
}

void Tunnel::on_io(IoHandle& io) {
  const Side side = &io == sides_[Client].io() ? Client : BackendSide;
  const Side other = side == Client ? BackendSide : Client;
  // Readable: its own bytes may go. Writable: the other's may come.
  if (io.readable && !pump(side)) return;
  if (from_[other].rest != nullptr) pump(other);
}

void Tunnel::on_timer(Timer&) {
  const bool blocked = from_[Client].rest != nullptr || from_[BackendSide].rest != nullptr;
  end(blocked ? TunnelEnd::SendTimeout : TunnelEnd::IdleTimeout);
}

void Tunnel::end(TunnelEnd reason) {
  worker_.counters.tunnels_ended[static_cast<std::size_t>(reason)].add();
  delete this;
}

bool Tunnel::fail(Side side) {
  // The other side learns of a reset as a reset.
  sides_[side == Client ? BackendSide : Client].close(/*reset=*/true);
  end(side == Client ? TunnelEnd::ClientReset : TunnelEnd::BackendReset);
  return false;
}

bool Tunnel::flush(Direction& direction, Side to) {
  auto& rest = *direction.rest;
  std::size_t sent = 0;
  while (sent < rest.size()) {
    const auto result = sides_[to].try_write(rest.data() + sent, rest.size() - sent);
    if (result.status == IoResult::Status::WouldBlock) break;
    if (!result.ok()) return fail(to);
    sent += result.bytes;
  }
  if (sent == rest.size()) {
    direction.rest.reset();
  } else if (sent > 0) {
    rest.erase(0, sent);
  }
  if (sent > 0) {
    touch();
    count_held();
  }
  return true;
}

bool Tunnel::send(Direction& direction, Side to, const char* data, std::size_t size) {
  while (size > 0) {
    const auto result = sides_[to].try_write(data, size);
    if (result.status == IoResult::Status::WouldBlock) {
      direction.rest = std::make_unique<std::string>(data, size);
      direction.careful = kCarefulReads;
      count_held();
      return true;
    }
    if (!result.ok()) return fail(to);
    data += result.bytes;
    size -= result.bytes;
  }
  if (direction.careful > 0) --direction.careful;
  return true;
}

bool Tunnel::pump(Side from) {
  const Side to = from == Client ? BackendSide : Client;
  auto& direction = from_[from];
  auto& bytes = from == Client ? worker_.counters.tunnel_bytes_to_backend
                               : worker_.counters.tunnel_bytes_to_client;
  for (int reads = 0; direction.rest == nullptr || flush(direction, to);) {
    if (direction.rest != nullptr) return true;  // still blocked
    if (direction.source_ended) {
      if (direction.ended) return true;
      sides_[to].shutdown_write();
      direction.ended = true;
      if (!from_[to].ended) return true;
      end(first_end_was_client_ ? TunnelEnd::ClientClosed : TunnelEnd::BackendClosed);
      return false;
    }
    if (reads++ == kReadsPerTurn) {
      if (sides_[from].io()->readable) worker_.loop.call_again(sides_[from].io());
      return true;
    }
    auto scratch = worker_.scratch();
    if (direction.careful > 0) scratch = scratch.first(WorkerState::kCarefulRead);
    const auto result = sides_[from].try_read(scratch);
    switch (result.status) {
      case IoResult::Status::Ok:
        touch();
        bytes.add(result.bytes);
        if (!send(direction, to, scratch.data(), result.bytes)) return false;
        break;
      case IoResult::Status::WouldBlock:
        return true;
      case IoResult::Status::Eof:
        direction.source_ended = true;
        if (!from_[to].source_ended) first_end_was_client_ = from == Client;
        break;
      case IoResult::Status::Failed:
        return fail(from);
    }
  }
  return false;
}

}  // namespace weir::proxy
