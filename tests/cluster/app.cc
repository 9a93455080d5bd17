// The application in the cluster of `make e2e`, in an image of this one file. A request is answered
// with the Pod's name and the program's version; a WebSocket opens with a message of both and then
// echoes. Without arguments it only sleeps: that is the sandbox of every Pod.
//
//   weir_cluster_app VERSION    serves on port 8080; SIGTERM ends it at once

#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <openssl/sha.h>

namespace {

constexpr std::uint16_t kPort = 8080;
constexpr std::size_t kMaxHead = 64 * 1024;

/// One client's connection, on its own thread.
class Client {
 public:
  explicit Client(int fd) : fd_(fd) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { ::close(fd_); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  /// Up to and with the empty line; nothing: the client is gone.
  std::optional<std::string> head() {
    for (;;) {
      if (const auto end = pending_.find("\r\n\r\n"); end != pending_.npos) return take(end + 4);
      if (pending_.size() > kMaxHead || !receive()) return std::nullopt;
    }
  }

  /// Exactly so many bytes; nothing: the client is gone.
  std::optional<std::string> bytes(std::size_t count) {
    while (pending_.size() < count) {
      if (!receive()) return std::nullopt;
    }
    return take(count);
  }

 private:
  bool receive() {
    std::array<char, 16 * 1024> buffer;
    const auto count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count <= 0) return false;
    pending_.append(buffer.data(), static_cast<std::size_t>(count));
    return true;
  }
  std::string take(std::size_t count) {
    auto taken = pending_.substr(0, count);
    pending_.erase(0, count);
    return taken;
  }

  const int fd_;
  std::string pending_;
};

/// The value of a header field; empty: there is none.
std::string field(const std::string& head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const auto* line = head.c_str() + at + 2;
    if (::strncasecmp(line, name.data(), name.size()) != 0 || line[name.size()] != ':') continue;
    const auto from = head.find_first_not_of(' ', at + 2 + name.size() + 1);
    return head.substr(from, head.find("\r\n", from) - from);
  }
  return {};
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (i + j < bytes.size() ? static_cast<std::uint8_t>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += i + j > bytes.size() ? '=' : kDigits[group >> (18 - 6 * j) & 63U];
    }
  }
  return text;
}

/// RFC 6455 §4.2.2.
std::string accept_of(const std::string& key) {
  const auto text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  ::SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

/// A frame of at most 125 bytes of payload, which is all that is sent here.
std::string frame(unsigned opcode, std::string_view payload) {
  return std::string{static_cast<char>(0x80U | opcode), static_cast<char>(payload.size())} +
         std::string(payload);
}

void echo(Client& client) {
  for (;;) {
    const auto start = client.bytes(2);
    if (!start) return;
    const unsigned opcode = static_cast<unsigned char>((*start)[0]) & 0x0FU;
    const std::size_t length = static_cast<unsigned char>((*start)[1]) & 0x7FU;
    if (length > 125) return;
    const auto rest = client.bytes(4 + length);
    if (!rest) return;
    std::string payload = rest->substr(4);
    for (std::size_t i = 0; i < length; ++i) {
      payload[i] = static_cast<char>(payload[i] ^ (*rest)[i % 4]);
    }
    if (opcode == 0xA) continue;                                // a pong
    client.send(frame(opcode == 0x9 ? 0xA : opcode, payload));  // a close is echoed as well
    if (opcode == 0x8) return;
  }
}

void serve(int fd, const std::string& name) {
  Client client(fd);
  while (const auto head = client.head()) {
    if (const auto key = field(*head, "Sec-WebSocket-Key"); !key.empty()) {
      client.send(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: " +
          accept_of(key) + "\r\n\r\n" + frame(0x1, name));
      return echo(client);
    }
    const auto length = field(*head, "Content-Length");
    if (!length.empty() && !client.bytes(std::stoul(length))) return;
    client.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                std::to_string(name.size()) + "\r\n\r\n" + name);
  }
}

int listen_on(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, SOMAXCONN) != 0) {
    std::perror("weir_cluster_app");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  // The first process of a container gets no signal that it does not ask for.
  std::signal(SIGTERM, [](int) { ::_exit(0); });
  if (argc < 2) {
    for (;;) ::pause();
  }
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  const auto name = std::string(host.data()) + ' ' + argv[1];
  const int listener = listen_on(kPort);
  for (;;) {
    if (const int fd = ::accept(listener, nullptr, nullptr); fd >= 0) {
      std::thread([fd, &name] { serve(fd, name); }).detach();
    }
  }
}
