#include "proxy_control/ares_channel.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <limits>
#include <unordered_map>

#include <ares.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

/// c-ares' tables, once per process.
bool library_ready() {
  static const int status = ::ares_library_init(ARES_LIB_INIT_ALL);
  return status == ARES_SUCCESS;
}

AresChannel::Answer to_answer(int status, const ares_addrinfo* info) {
  AresChannel::Answer answer;
  if (status != ARES_SUCCESS) {
    answer.error = ::ares_strerror(status);
    return answer;
  }
  int ttl = std::numeric_limits<int>::max();
  for (const auto* node = info->nodes; node != nullptr; node = node->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* address = nullptr;
    if (node->ai_family == AF_INET) {
      address = &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
    } else if (node->ai_family == AF_INET6) {
      address = &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
    } else {
      continue;
    }
    if (::inet_ntop(node->ai_family, address, text.data(), text.size()) == nullptr) continue;
    answer.addresses.emplace_back(text.data());
    ttl = std::min(ttl, node->ai_ttl);
  }
  for (const auto* alias = info->cnames; alias != nullptr; alias = alias->next) {
    ttl = std::min(ttl, alias->ttl);
  }
  if (!answer.addresses.empty()) answer.ttl = std::chrono::seconds(std::max(ttl, 0));
  return answer;
}

}  // namespace

class AresChannel::Impl {
 public:
  Impl(asio::io_context& io, const std::string& servers) : io_(io), timer_(io) {
    ares_options options{};
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Impl*>(self)->watch(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    if (!library_ready() || ::ares_init_options(&channel_, &options, ARES_OPT_SOCK_STATE_CB) != 0) {
      channel_ = nullptr;
      return;
    }
    if (!servers.empty()) ::ares_set_servers_ports_csv(channel_, servers.c_str());
  }

  ~Impl() {
    ending_ = true;
    if (channel_ != nullptr) ::ares_destroy(channel_);
    // What c-ares did not close stays its business: the descriptors are given back, not closed.
    for (auto& [fd, socket] : sockets_) socket->descriptor.release();
  }

  void look_up(const std::string& name, Done done) {
    if (channel_ == nullptr) return done(Answer{"c-ares cannot start", {}, {}});
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    auto* query = new Query{*this, std::move(done)};
    ::ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Impl::finished, query);
    arm_timer();
  }

 private:
  struct Query {
    Impl& impl;
    Done done;
  };

  /// A socket of c-ares, which alone closes it. Kept by the waits that run, too.
  struct Socket {
    Socket(asio::io_context& io, ares_socket_t fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool want_read = false;
    bool want_write = false;
    bool reading = false;
    bool writing = false;
  };

  static void finished(void* argument, int status, int /*timeouts*/, ares_addrinfo* info) {
    const std::unique_ptr<Query> query(static_cast<Query*>(argument));
    const auto answer = to_answer(status, info);
    if (info != nullptr) ::ares_freeaddrinfo(info);
    if (!query->impl.ending_) query->done(answer);
  }

  /// c-ares says what it waits for; neither: it is about to close the socket.
  void watch(ares_socket_t fd, bool readable, bool writable) {
    if (ending_) return;
    const auto known = sockets_.find(fd);
    if (!readable && !writable) {
      if (known == sockets_.end()) return;
      known->second->want_read = known->second->want_write = false;
      known->second->descriptor.release();
      sockets_.erase(known);
      return;
    }
    auto& socket = known != sockets_.end()
                       ? known->second
                       : sockets_.emplace(fd, std::make_shared<Socket>(io_, fd)).first->second;
    socket->want_read = readable;
    socket->want_write = writable;
    wait(fd, socket);
  }

  void wait(ares_socket_t fd, const std::shared_ptr<Socket>& socket) {
    if (socket->want_read && !socket->reading) {
      socket->reading = true;
      socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                                    [this, fd, socket](const boost::system::error_code& error) {
                                      socket->reading = false;
                                      if (!error && socket->want_read) process(fd, socket, true);
                                    });
    }
    if (socket->want_write && !socket->writing) {
      socket->writing = true;
      socket->descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                                    [this, fd, socket](const boost::system::error_code& error) {
                                      socket->writing = false;
                                      if (!error && socket->want_write) process(fd, socket, false);
                                    });
    }
  }

  void process(ares_socket_t fd, const std::shared_ptr<Socket>& socket, bool readable) {
    ::ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, readable ? ARES_SOCKET_BAD : fd);
    wait(fd, socket);  // unless c-ares has closed it meanwhile: then it wants nothing
    arm_timer();
  }

  void arm_timer() {
    timeval buffer{};
    const timeval* next = ::ares_timeout(channel_, nullptr, &buffer);
    if (next == nullptr) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::seconds(next->tv_sec) +
                         std::chrono::microseconds(next->tv_usec));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      arm_timer();
    });
  }

  asio::io_context& io_;
  asio::steady_timer timer_;
  ares_channel channel_ = nullptr;
  std::unordered_map<ares_socket_t, std::shared_ptr<Socket>> sockets_;
  bool ending_ = false;
};

AresChannel::AresChannel(asio::io_context& io, const std::string& servers)
    : impl_(std::make_unique<Impl>(io, servers)) {}

AresChannel::~AresChannel() = default;

void AresChannel::look_up(const std::string& name, Done done) {
  impl_->look_up(name, std::move(done));
}

}  // namespace weir::proxy_control
