#include "controller/push_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "util/log.h"
#include "util/unix_listener.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace log = util::log;
using Protocol = asio::local::stream_protocol;

namespace {

constexpr std::size_t kMaxSessions = 1024;
constexpr mode_t kSocketMode = 0660;
constexpr std::chrono::milliseconds kAcceptPause{100};  // out of descriptors: others may close some

}  // namespace

struct PushServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, int fd, std::string socket_path, PushDeadlines push_deadlines,
       const PublishedTable& published, Metrics& numbers, RefusalHandler refusal)
      : io(context),
        acceptor(context, Protocol(), fd),
        path(std::move(socket_path)),
        deadlines(push_deadlines),
        table(published),
        metrics(numbers),
        on_refusal(std::move(refusal)) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) file = {status.st_dev, status.st_ino};
  }

  static asio::awaitable<void> accept_all(std::shared_ptr<Impl> self) {
    while (!self->is_stopped) {
      auto [error, socket] =
          co_await self->acceptor.async_accept(asio::as_tuple(asio::use_awaitable));
      if (self->is_stopped) co_return;
      if (!error) {
        self->welcome(std::move(socket));
        continue;
      }
      log::warning("{}: cannot accept: {}", self->path, error.message());
      asio::steady_timer pause(self->io, kAcceptPause);
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }

  void welcome(Protocol::socket socket) {
    const auto peer = util::peer_of(socket.native_handle());
    if (!peer) {
      log::warning("{}: {}; refused", path, peer.error().detail);
      metrics.peer_refused();
      return;
    }
    if (!util::is_allowed(*peer, ::geteuid(), ::getegid())) {
      log::warning("{}: process {} of user {} and group {} is not allowed here", path, peer->pid,
                   peer->uid, peer->gid);
      metrics.peer_refused();
      return;
    }
    if (sessions.size() >= kMaxSessions) {
      log::warning("{}: more than {} proxies; refused", path, kMaxSessions);
      metrics.peer_refused();
      return;
    }
    auto session = std::make_shared<PushSession>(
        std::move(socket), fmt::format("proxy {} (process {})", ++last_number, peer->pid),
        deadlines, table, metrics, on_refusal);
    sessions.insert(session);
    metrics.proxy_connected();
    session->start([self = weak_from_this(), session = std::weak_ptr(session)] {
      if (const auto server = self.lock()) server->forget(session.lock());
    });
  }

  void forget(const std::shared_ptr<PushSession>& session) {
    if (sessions.erase(session) > 0) metrics.proxy_disconnected();
  }

  void stop() {
    if (is_stopped) return;
    is_stopped = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && file == std::pair(status.st_dev, status.st_ino)) {
      ::unlink(path.c_str());
    }
    for (const auto& session : sessions) session->stop();
  }

  asio::io_context& io;
  Protocol::acceptor acceptor;
  const std::string path;
  std::pair<dev_t, ino_t> file{};  // a successor's socket of the same path is not ours to remove
  const PushDeadlines deadlines;
  const PublishedTable& table;
  Metrics& metrics;
  const RefusalHandler on_refusal;
  std::set<std::shared_ptr<PushSession>> sessions;
  std::uint64_t last_number = 0;
  bool is_stopped = false;
};

util::Result<std::unique_ptr<PushServer>> PushServer::listen(
    asio::io_context& io, const std::string& path, PushDeadlines deadlines,
    const PublishedTable& table, Metrics& metrics, RefusalHandler on_refusal) {
  const auto fd = util::listen_unix(path, kSocketMode);
  if (!fd) return fd.error();
  auto impl =
      std::make_shared<Impl>(io, *fd, path, deadlines, table, metrics, std::move(on_refusal));
  asio::co_spawn(io, Impl::accept_all(impl), asio::detached);
  return std::unique_ptr<PushServer>(new PushServer(std::move(impl)));
}

PushServer::PushServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

PushServer::~PushServer() {
  stop();
}

void PushServer::stop() {
  impl_->stop();
}

void PushServer::table_changed(const std::vector<table::ResourceKey>& changed) {
  for (const auto& session : impl_->sessions) session->table_changed(changed);
}

}  // namespace weir::controller
