#include "proxy_control/control_client.h"

#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <optional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "util/backoff.h"
#include "util/log.h"

namespace weir::proxy_control {

namespace asio = boost::asio;
using asio::experimental::awaitable_operators::operator||;  // NOLINT(misc-unused-using-decls)

namespace {

using Socket = asio::local::stream_protocol::socket;
using Header = std::array<std::uint8_t, table::FrameHeader::kSize>;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// Why a connection ended.
struct Ended {
  std::string reason;
  std::optional<FrameRefusal> refusal;  ///< none: the controller is just not there
  bool spoke = false;                   ///< it had taken our Hello
};

/// The parts of one update, until the last is there.
class Collector {
 public:
  explicit Collector(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// Whether another part of `bytes` body may be read.
  bool has_room(std::uint64_t bytes) const { return bytes <= max_bytes_ - bytes_; }

  /// False if the part belongs to another update.
  bool add(table::Update part, std::uint64_t bytes) {
    if (bytes_ > 0 && part.generation != whole_.generation) return false;
    bytes_ += bytes;
    whole_.generation = part.generation;
    whole_.last = part.last;
    std::move(part.upserts.begin(), part.upserts.end(), std::back_inserter(whole_.upserts));
    std::move(part.removes.begin(), part.removes.end(), std::back_inserter(whole_.removes));
    return true;
  }

  bool is_whole() const { return bytes_ > 0 && whole_.last; }
  table::Update take() { return std::move(whole_); }

 private:
  std::uint64_t max_bytes_;
  std::uint64_t bytes_ = 0;
  table::Update whole_;
};

/// Same user, root, or same primary group: nobody else may feed this proxy.
std::optional<std::string> find_foreign_peer(Socket& socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::string("peer credentials: ") + std::strerror(errno);
  }
  if (peer.uid == ::geteuid() || peer.uid == 0 || peer.gid == ::getegid()) return std::nullopt;
  return fmt::format("the process that listens has uid {} and gid {}", peer.uid, peer.gid);
}

/// Tells when a file of that name appears in its folder.
class AppearWatch {
 public:
  AppearWatch(asio::io_context& io, const std::string& path) : descriptor_(io) {
    const std::filesystem::path file(path);
    name_ = file.filename().string();
    const auto folder = file.has_parent_path() ? file.parent_path().string() : std::string(".");
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return;
    descriptor_.assign(fd);
    if (::inotify_add_watch(fd, folder.c_str(), IN_CREATE | IN_MOVED_TO) < 0) descriptor_.close();
  }

  bool works() const { return descriptor_.is_open(); }

  asio::awaitable<void> wait() {
    std::array<char, 4096> buffer{};
    for (;;) {
      const auto [error, size] = co_await descriptor_.async_read_some(asio::buffer(buffer), kTuple);
      if (error || names_file({buffer.data(), size})) co_return;
    }
  }

 private:
  /// Whether one of the events is about the file.
  bool names_file(std::string_view events) const {
    while (events.size() >= sizeof(inotify_event)) {
      std::uint32_t length = 0;
      std::memcpy(&length, events.data() + offsetof(inotify_event, len), sizeof length);
      events.remove_prefix(sizeof(inotify_event));
      if (length > events.size()) return false;
      const auto name = events.substr(0, length);
      if (name.substr(0, name.find('\0')) == name_) return true;
      events.remove_prefix(length);
    }
    return false;
  }

  asio::posix::stream_descriptor descriptor_;
  std::string name_;
};

}  // namespace

class ControlClient::Dialer {
 public:
  Dialer(asio::io_context& io, Options options, Handler& handler, ControlCounters& counters)
      : io_(io), options_(std::move(options)), handler_(handler), counters_(counters) {}

  asio::awaitable<void> run() {
    util::Backoff backoff(options_.first_wait, options_.max_wait);
    std::string last_reason;
    for (;;) {
      AppearWatch watch(io_, options_.path);  // before dialling: nothing is missed in between
      const Ended ended = co_await talk();
      counters_.connected = false;
      if (ended.refusal) ++counters_.frames_refused[static_cast<std::size_t>(*ended.refusal)];
      if (ended.spoke) {
        backoff.reset();
        last_reason.clear();
      }
      if (ended.reason != last_reason) {  // a controller that stays away is one line
        util::log::warning("control socket {}: {}; dialling again", options_.path, ended.reason);
        last_reason = ended.reason;
      }
      if (co_await appeared_within(backoff.next(), watch)) backoff.reset();
    }
  }

 private:
  /// One connection, from dialling to its end.
  asio::awaitable<Ended> talk() {
    Socket socket(io_);
    // More than sun_path holds is an exception in Asio.
    if (options_.path.size() >= sizeof(sockaddr_un::sun_path)) {
      co_return Ended{"the path is longer than a socket's may be", {}, false};
    }
    const asio::local::stream_protocol::endpoint controller(options_.path);
    if (const auto [error] = co_await socket.async_connect(controller, kTuple); error) {
      co_return Ended{error.message(), {}, false};
    }
    if (auto foreign = find_foreign_peer(socket)) {
      co_return Ended{*std::move(foreign), FrameRefusal::Peer, false};
    }
    const table::Hello hello{options_.software, true, handler_.held()};
    for (const auto& part : table::encode_parts(hello)) {
      if (!co_await write(socket, part)) co_return Ended{"Hello was not taken", {}, false};
    }
    counters_.connected = true;
    ++counters_.connects;
    util::log::info("control socket {}: connected, {} resources held", options_.path,
                    hello.held.size());
    Ended ended;
    while (ended.reason.empty()) ended = co_await take_update(socket);
    ended.spoke = true;
    co_return ended;
  }

  /// All parts of one update, its application and the answer. No reason: go on.
  asio::awaitable<Ended> take_update(Socket& socket) {
    Collector collector(options_.max_update_bytes);
    while (!collector.is_whole()) {
      if (auto ended = co_await read_part(socket, collector)) co_return *std::move(ended);
    }
    auto update = collector.take();
    const auto generation = update.generation;
    const auto live = std::make_shared<Live>(io_);
    const auto refusals = handler_.apply(std::move(update), [live] {
      live->done = true;
      live->wake.cancel();
    });
    for (const auto& refusal : refusals) {
      const table::Nack nack{generation, refusal.key, refusal.reason};
      if (!co_await write(socket, table::encode_frame(nack)))
        co_return Ended{"Nack was not taken", {}, true};
    }
    while (!live->done) co_await live->wake.async_wait(kTuple);
    if (!co_await write(socket, table::encode_frame(table::Ack{generation}))) {
      co_return Ended{"Ack was not taken", {}, true};
    }
    co_return Ended{};
  }

  /// Why not, if not.
  asio::awaitable<std::optional<Ended>> read_part(Socket& socket, Collector& collector) {
    Header bytes{};
    // A controller with nothing to say may be silent for ever; a frame that has begun may not.
    co_await socket.async_wait(Socket::wait_read, kTuple);
    const auto [got, cut] = co_await read(socket, asio::buffer(bytes));
    if (cut && got == 0 && *cut == FrameRefusal::Cut) {
      co_return Ended{"the controller hung up", {}, true};
    }
    if (cut) co_return broken(*cut);
    const auto header = table::parse_frame_header(bytes);
    if (!header) co_return refuse(header.error());
    if (header->kind != table::FrameKind::Update) {
      co_return Ended{"a frame that a controller does not send", FrameRefusal::Unexpected, true};
    }
    if (!collector.has_room(header->length)) {
      co_return Ended{"an update that is too large", FrameRefusal::TooLarge, true};
    }
    table::Bytes body(header->length);
    if (const auto rest = co_await read(socket, asio::buffer(body)); rest.failure) {
      co_return broken(*rest.failure);
    }
    auto part = table::decode_update(body);
    if (!part) co_return refuse(part.error());
    if (!collector.add(*std::move(part), table::FrameHeader::kSize + body.size())) {
      co_return Ended{"parts of two updates in one", FrameRefusal::Malformed, true};
    }
    co_return std::nullopt;
  }

  static Ended refuse(const util::Error& error) {
    const bool unsupported = error.code == util::Error::Code::Unsupported;
    return {error.detail, unsupported ? FrameRefusal::Unsupported : FrameRefusal::Malformed, true};
  }

  static Ended broken(FrameRefusal how) {
    const bool cut = how == FrameRefusal::Cut;
    return {cut ? "the controller hung up inside of a frame" : "a frame came to a stop", how, true};
  }

  struct Read {
    std::size_t got = 0;
    std::optional<FrameRefusal> failure;  ///< Cut or Stalled
  };

  /// Fills the buffer, in time.
  asio::awaitable<Read> read(Socket& socket, asio::mutable_buffer buffer) {
    asio::steady_timer deadline(io_, options_.frame_timeout);
    const auto outcome =
        co_await (asio::async_read(socket, buffer, kTuple) || deadline.async_wait(kTuple));
    if (outcome.index() == 1) co_return Read{0, FrameRefusal::Stalled};
    const auto [error, size] = std::get<0>(outcome);
    if (error) co_return Read{size, FrameRefusal::Cut};
    co_return Read{size, std::nullopt};
  }

  asio::awaitable<bool> write(Socket& socket, const table::Bytes& bytes) {
    asio::steady_timer deadline(io_, options_.frame_timeout);
    const auto outcome = co_await (asio::async_write(socket, asio::buffer(bytes), kTuple) ||
                                   deadline.async_wait(kTuple));
    co_return outcome.index() == 0 && !std::get<0>(std::get<0>(outcome));
  }

  /// True when the socket's file appeared before the wait was over.
  asio::awaitable<bool> appeared_within(std::chrono::milliseconds wait, AppearWatch& watch) {
    asio::steady_timer timer(io_, wait);
    if (!watch.works()) {
      co_await timer.async_wait(kTuple);
      co_return false;
    }
    const auto outcome = co_await (timer.async_wait(kTuple) || watch.wait());
    co_return outcome.index() == 1;
  }

  /// Shared with the callback, which may outlive the connection.
  struct Live {
    explicit Live(asio::io_context& io) : wake(io, asio::steady_timer::time_point::max()) {}
    bool done = false;
    asio::steady_timer wake;
  };

  asio::io_context& io_;
  Options options_;
  Handler& handler_;
  ControlCounters& counters_;
};

ControlClient::ControlClient(asio::io_context& io, Options options, Handler& handler,
                             ControlCounters& counters)
    : dialer_(std::make_unique<Dialer>(io, std::move(options), handler, counters)), io_(io) {}

ControlClient::~ControlClient() = default;

void ControlClient::start() {
  asio::co_spawn(io_, dialer_->run(), asio::detached);
}

}  // namespace weir::proxy_control
