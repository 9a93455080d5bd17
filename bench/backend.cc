// An HTTP/1.1 backend for load tests: one thread, small answers at once. `GET /bytes/N` gives N
// bytes, every other request 128. Bodies with Content-Length are read and thrown away. An upgrade
// is taken; behind it `GET /echo/N` sends WebSocket messages of N bytes back, each once it is
// complete.

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
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/evp.h>
#include <openssl/sha.h>

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

  // Behind an upgrade: a frame is read, then sent. The load tool has one under way at most.
  std::string message;      // as long as a frame of the client
  std::size_t payload = 0;  // bytes of it
  std::size_t message_read = 0;
  std::size_t message_sent = 0;

  bool is_tunnel() const { return !message.empty(); }
  bool has_message() const { return is_tunnel() && message_read == message.size(); }
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

/// What proves that a Sec-WebSocket-Key was read (RFC 6455 §4.2.2).
std::string websocket_accept(std::string_view key) {
  const auto text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> base64;
  const int size = ::EVP_EncodeBlock(base64.data(), digest.data(), SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

class Server {
 public:
  Server(const std::string& address, std::uint16_t port)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), body_(kPiece, 'x') {
    listener_ = listen_on(address, port);
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    small_ = answer_head(kSmall) + body_.substr(0, kSmall);
    std::printf("listening on %s:%u\n", address.c_str(), port);
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
      // Goes on when there is room.
      if (!peer.out.empty() || peer.body_to_send > 0 || peer.has_message()) return true;
      if (peer.close_after && !peer.answering) return false;
      if (peer.is_tunnel()) {
        if (!read_message(peer)) return false;
        if (!peer.has_message()) return true;
        if (!ended) return flush(peer);
        continue;
      }
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
    if (text.find("\r\nupgrade: websocket") != std::string::npos) {
      upgrade(peer, text, head);
      return;
    }
    peer.body_to_read = number_behind(text, "\r\ncontent-length:");
    peer.close_after = text.find("\r\nconnection: close") != std::string::npos;
    peer.body_to_send = number_behind(text.substr(0, text.find("\r\n")), " /bytes/");
    peer.answering = true;
    if (peer.body_to_read == 0) answer(peer);
  }

  static void upgrade(Peer& peer, std::string_view lower_head, std::string_view head) {
    static constexpr std::string_view kKey = "\r\nsec-websocket-key: ";
    const auto at = lower_head.find(kKey);
    auto key = at == std::string_view::npos ? std::string_view() : head.substr(at + kKey.size());
    key = key.substr(0, key.find('\r'));
    peer.payload = number_behind(lower_head.substr(0, lower_head.find("\r\n")), " /echo/");
    peer.message.resize(frame_head(peer.payload).size() + kMaskBytes + peer.payload);
    peer.out =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: " +
        websocket_accept(key) + "\r\n\r\n";
  }

  /// Until the message is complete, ready to go back, or nothing is left. False: the connection is
  /// over.
  static bool read_message(Peer& peer) {
    while (!peer.has_message()) {
      const auto room = std::span(peer.message).subspan(peer.message_read);
      std::size_t size = 0;
      const auto read = peer.connection.read(room, size);
      if (read == Io::Later) return true;
      if (read != Io::Done) return false;
      peer.message_read += size;
    }
    // Without the mask, which is all zeros, the same bytes are our frame. Its head ends where that
    // of the client did.
    const auto head = frame_head(peer.payload);
    head.copy(peer.message.data() + kMaskBytes, head.size());
    peer.message_sent = kMaskBytes;
    return true;
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
    while (peer.has_message()) {
      const auto rest = std::string_view(peer.message).substr(peer.message_sent);
      const auto wrote = peer.connection.write(rest, size);
      if (wrote == Io::Later) return true;
      if (wrote != Io::Done) return false;
      peer.message_sent += size;
      if (peer.message_sent == peer.message.size()) peer.message_read = peer.message_sent = 0;
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
    if (argc != 3) throw std::runtime_error("usage: weir_bench_backend PORT ADDRESS");
    weir::bench::raise_descriptor_limit();
    const auto port = static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10));
    static weir::bench::Server server(argv[2], port);
    server.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench backend: %s\n", error.what());
    return 1;
  }
}
