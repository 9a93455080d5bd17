// An HTTP/1.1 backend for load tests: one thread, small answers at once. `GET /bytes/N` gives N
// bytes, every other request 128. Bodies with Content-Length are read and thrown away.

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "connection.h"

namespace weir::bench {
namespace {

constexpr std::size_t kSmall = 128;
constexpr std::size_t kPiece = 256 * 1024;

/// One connection of a proxy, or of a load generator that measures the direct path.
struct Peer {
  Connection connection;
  std::list<Peer>::iterator self;
  std::string head;  // bytes of a head that is not complete
  std::uint64_t body_to_read = 0;
  std::string out;  // response head (and small body), unsent
  std::uint64_t body_to_send = 0;
  bool answering = false;  // a request was read whose answer is due behind its body
  bool close_after = false;
};

std::uint64_t number_behind(std::string_view text, std::string_view name) {
  const auto at = text.find(name);
  if (at == std::string_view::npos) return 0;
  auto digits = text.substr(at + name.size());
  while (digits.starts_with(' ')) digits.remove_prefix(1);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::string lower(std::string text) {
  for (auto& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

class Server {
 public:
  explicit Server(std::uint16_t port) : epoll_(::epoll_create1(EPOLL_CLOEXEC)), body_(kPiece, 'x') {
    listener_ = listen_on(port);
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    small_ = answer_head(kSmall) + body_.substr(0, kSmall);
    std::printf("listening on %u\n", port);
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const auto& event = events[static_cast<std::size_t>(i)];
        auto* peer = static_cast<Peer*>(event.data.ptr);
        if (peer == nullptr) {
          accept_all();
        } else if (!serve(*peer, (event.events & EPOLLRDHUP) != 0)) {
          peers_.erase(peer->self);
        }
      }
    }
  }

 private:
  static std::string answer_head(std::uint64_t size) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
           std::to_string(size) + "\r\n\r\n";
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      auto& peer = peers_.emplace_back();
      peer.self = std::prev(peers_.end());
      peer.connection.adopt(epoll_, fd, &peer);
    }
  }

  /// False: the connection is over. `ended`: the peer's FIN is here, perhaps behind unread bytes.
  bool serve(Peer& peer, bool ended) {
    for (;;) {
      if (!flush(peer)) return false;
      if (!peer.out.empty() || peer.body_to_send > 0) return true;  // goes on when there is room
      if (peer.close_after && !peer.answering) return false;
      std::size_t size = 0;
      const auto read = peer.connection.read(scratch_, size);
      if (read == Io::Later) return true;
      if (read != Io::Done) return false;
      take(peer, {scratch_.data(), size});
      // Less than there was room for: the socket is empty, and the next byte is a new edge.
      if (size < scratch_.size() && !ended) {
        if (!flush(peer)) return false;
        if (!peer.close_after) return true;
      }
    }
  }

  void take(Peer& peer, std::string_view bytes) {
    while (!bytes.empty()) {
      if (peer.body_to_read > 0) {
        const auto part = std::min<std::uint64_t>(peer.body_to_read, bytes.size());
        peer.body_to_read -= part;
        bytes.remove_prefix(static_cast<std::size_t>(part));
        if (peer.body_to_read == 0) answer(peer);
        continue;
      }
      if (peer.head.empty()) {
        if (const auto end = bytes.find("\r\n\r\n"); end != std::string_view::npos) {
          begin_request(peer, bytes.substr(0, end + 4));
          bytes.remove_prefix(end + 4);
          continue;
        }
      }
      peer.head += bytes;
      const auto end = peer.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      const auto behind = peer.head.size() - (end + 4);
      bytes = bytes.substr(bytes.size() - behind);
      const std::string head = std::exchange(peer.head, {}).substr(0, end + 4);
      begin_request(peer, head);
    }
  }

  void begin_request(Peer& peer, std::string_view head) {
    // Heads are short, and no proxy here folds or doubles these fields.
    const auto text = lower(std::string(head));
    peer.body_to_read = number_behind(text, "\r\ncontent-length:");
    peer.close_after = text.find("\r\nconnection: close") != std::string::npos;
    peer.body_to_send = number_behind(text.substr(0, text.find("\r\n")), " /bytes/");
    peer.answering = true;
    if (peer.body_to_read == 0) answer(peer);
  }

  void answer(Peer& peer) {
    peer.out += peer.body_to_send > 0 ? answer_head(peer.body_to_send) : small_;
    peer.answering = false;
  }

  bool flush(Peer& peer) {
    std::size_t size = 0;
    while (!peer.out.empty()) {
      const auto wrote = peer.connection.write(peer.out, size);
      if (wrote == Io::Later) return true;
      if (wrote != Io::Done) return false;
      peer.out.erase(0, size);
    }
    while (!peer.answering && peer.body_to_send > 0) {
      const auto piece = std::min<std::uint64_t>(peer.body_to_send, body_.size());
      const auto wrote =
          peer.connection.write({body_.data(), static_cast<std::size_t>(piece)}, size);
      if (wrote == Io::Later) return true;
      if (wrote != Io::Done) return false;
      peer.body_to_send -= size;
    }
    return true;
  }

  int epoll_;
  int listener_ = -1;
  std::string body_;
  std::string small_;
  std::array<char, kPiece> scratch_;
  std::list<Peer> peers_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    const auto port = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 0;
    static weir::bench::Server server(static_cast<std::uint16_t>(port));
    server.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench backend: %s\n", error.what());
    return 1;
  }
}
