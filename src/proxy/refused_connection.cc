#include "proxy/refused_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include "proxy/answer.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kAtATime = 64;
constexpr std::chrono::milliseconds kPatience{1'000};

}  // namespace

void RefusedConnection::open(WorkerState& worker, int fd, bool tls) {
  if (worker.refused_open >= kAtATime) {
    ::close(fd);
    return;
  }
  auto* io = worker.loop.open(fd, nullptr);
  if (io == nullptr) return;
  auto* refused = new RefusedConnection(worker, io);
  io->listener = refused;
  if (!tls) {
    AnswerRequest how;
    how.retry_after = worker.retry_after();
    const auto answer = make_answer(AnswerReason::TooManyConnections, how);
    worker.counters.answers[static_cast<std::size_t>(AnswerReason::TooManyConnections)].add();
    // A new socket's buffer takes it as a whole.
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
  ::shutdown(fd, SHUT_WR);
}

RefusedConnection::RefusedConnection(WorkerState& worker, IoHandle* io)
    : worker_(worker), stream_(worker.loop, io), timer_(*this) {
  ++worker_.refused_open;
  worker_.open.push_back(*this);
  worker_.loop.timers().set(timer_, kPatience);
}

RefusedConnection::~RefusedConnection() {
  --worker_.refused_open;
}

void RefusedConnection::on_io(IoHandle& io) {
  if (!io.readable) return;
  for (;;) {
    const auto result = stream_.try_read(worker_.scratch());
    if (result.ok()) continue;
    if (result.status != IoResult::Status::WouldBlock) delete this;
    return;
  }
}

}  // namespace weir::proxy
