#pragma once

#include <functional>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>

/// What the chat server and the echo server share: one thread, one coroutine a connection.
namespace example {

using Endpoint = boost::asio::ip::tcp::endpoint;

/// "127.0.0.1:9001" or "[::1]:9001". Throws CLI::ValidationError with a sentence otherwise.
Endpoint parse_endpoint(const std::string& text);

/// Serves one connection, which closes when the coroutine ends.
using Serve = std::function<boost::asio::awaitable<void>(boost::beast::tcp_stream)>;

/// Listens on `address`, prints that it does, and serves each connection until SIGTERM or SIGINT.
/// Then it accepts no more, calls `stop`, and gives what is left a second. Throws
/// std::runtime_error if it cannot listen.
void serve_until_signal(boost::asio::io_context& io, const Endpoint& address, const Serve& serve,
                        const std::function<void()>& stop);

}  // namespace example
