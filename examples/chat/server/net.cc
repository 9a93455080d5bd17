#include "net.h"

#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/impl/src.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/src.hpp>

namespace example {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

constexpr int kMaxConnections = 4096;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

tcp::acceptor listen(asio::io_context& io, const Endpoint& address) {
  tcp::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(address.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(address, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  std::ostringstream text;
  if (error) {
    text << "cannot listen on " << address << ": " << error.message();
    throw std::runtime_error(text.str());
  }
  text << "listening on " << acceptor.local_endpoint() << '\n';
  std::cerr << text.str();  // at once: several programs may share this terminal
  return acceptor;
}

/// Until the acceptor is closed. Both references outlive the io_context's run.
asio::awaitable<void> accept_all(tcp::acceptor& acceptor, const Serve& serve) {
  const auto open = std::make_shared<int>(0);  // connections, some of which outlive this loop
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kTuple);
    if (error) {
      // Out of file descriptors, most likely: some will be free in a moment.
      asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(50));
      co_await pause.async_wait(kTuple);
      continue;
    }
    if (*open == kMaxConnections) continue;
    ++*open;
    asio::co_spawn(acceptor.get_executor(), serve(boost::beast::tcp_stream(std::move(socket))),
                   [open](const std::exception_ptr&) { --*open; });
  }
}

}  // namespace

Endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  auto address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  boost::system::error_code error;
  const auto ip = asio::ip::make_address(address, error);
  int port = 0;
  if (error || colon == std::string::npos ||
      !CLI::detail::lexical_cast(text.substr(colon + 1), port) || port < 0 || port > 65535) {
    throw CLI::ValidationError("'" + text + "' is not ADDRESS:PORT");
  }
  return {ip, static_cast<std::uint16_t>(port)};
}

void serve_until_signal(asio::io_context& io, const Endpoint& address, const Serve& serve,
                        const std::function<void()>& stop) {
  auto acceptor = listen(io, address);
  asio::co_spawn(io, accept_all(acceptor, serve), asio::detached);
  asio::signal_set signals(io, SIGTERM, SIGINT);
  asio::steady_timer deadline(io);
  signals.async_wait([&](boost::system::error_code, int) {
    acceptor.close();
    stop();
    deadline.expires_after(std::chrono::seconds(1));
    deadline.async_wait([&io](boost::system::error_code) { io.stop(); });
  });
  io.run();
}

}  // namespace example
