// A small chat: the page at `/`, a WebSocket for each browser at `/socket`. Any number of replicas
// make one chat: each dials every other at `/peer` and passes on what its own members say.

#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "net.h"
#include "room.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using example::Endpoint;
using example::Message;
using example::Outbox;
using example::Room;
using Request = http::request<http::string_body>;
using Socket = websocket::stream<beast::tcp_stream, false>;  // without permessage-deflate

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxMessage = 4096;  // bytes; a longer one ends its connection with code 1009
constexpr auto kIdle = 120s;  // longer than the proxy keeps a connection without requests

constexpr std::string_view kPage =
#include "page.inc"
    ;

/// Until the outbox closes or the connection breaks.
asio::awaitable<void> write_messages(Socket& socket, Outbox& outbox) {
  while (const Message message = co_await outbox.pop()) {
    auto [error, bytes] = co_await socket.async_write(asio::buffer(*message), kTuple);
    if (error) co_return;
  }
  co_await socket.async_close(websocket::close_code::going_away, kTuple);
}

/// Hands every text to `heard` until the connection ends.
template <class Heard>
asio::awaitable<void> read_messages(Socket& socket, Heard heard) {
  beast::flat_buffer buffer;
  for (;;) {
    auto [error, bytes] = co_await socket.async_read(buffer, kTuple);
    if (error) co_return;
    heard(std::make_shared<const std::string>(beast::buffers_to_string(buffer.data())));
    buffer.consume(buffer.size());
  }
}

void prepare(Socket& socket, beast::role_type role) {
  beast::get_lowest_layer(socket).expires_never();  // the WebSocket has timers and pings of its own
  socket.set_option(websocket::stream_base::timeout::suggested(role));
  socket.read_message_max(kMaxMessage);
}

/// Serves one HTTP connection, and the WebSocket that it may turn into.
class Replica {
 public:
  Replica(Room& room, const Endpoint& address) : room_(room) {
    std::ostringstream hello;
    hello << R"({"replica":")" << address << R"("})";
    hello_ = std::make_shared<const std::string>(hello.str());
  }

  asio::awaitable<void> serve(beast::tcp_stream stream) {
    beast::flat_buffer buffer(8192);
    for (;;) {
      Request request;
      stream.expires_after(kIdle);
      auto [error, bytes] = co_await http::async_read(stream, buffer, request, kTuple);
      if (error) co_return;
      if (websocket::is_upgrade(request)) {
        co_await serve_socket(std::move(stream), std::move(request));
        co_return;
      }
      auto response = answer(request);
      auto [write_error, written] = co_await http::async_write(stream, response, kTuple);
      if (write_error || !response.keep_alive()) co_return;
    }
  }

  /// Keeps a connection to the replica at `peer`, and sends it what the members here say.
  asio::awaitable<void> keep_link(Endpoint peer) {
    const auto executor = co_await asio::this_coro::executor;
    Outbox outbox(executor);
    const auto seat = room_.link(outbox);
    asio::steady_timer pause(executor);
    while (!outbox.closed()) {
      Socket socket(executor);
      auto& stream = beast::get_lowest_layer(socket);
      stream.expires_after(2s);
      auto [error] = co_await stream.async_connect(peer, kTuple);
      if (!error) {
        prepare(socket, beast::role_type::client);
        std::tie(error) = co_await socket.async_handshake("peer", "/peer", kTuple);
      }
      if (!error) {
        co_await (write_messages(socket, outbox) || read_messages(socket, [](const Message&) {}));
      }
      pause.expires_after(200ms);
      co_await pause.async_wait(kTuple);
    }
  }

 private:
  static http::response<http::string_body> answer(const Request& request) {
    http::response<http::string_body> response(http::status::not_found, request.version());
    response.keep_alive(request.keep_alive());
    response.set(http::field::content_type, "text/html; charset=utf-8");
    if (request.method() == http::verb::get && request.target() == "/") {
      response.result(http::status::ok);
      response.set("content-security-policy",
                   "default-src 'none'; img-src data:; script-src 'unsafe-inline'; "
                   "style-src 'unsafe-inline'; connect-src 'self'");
      response.body() = kPage;
    }
    response.prepare_payload();
    return response;
  }

  asio::awaitable<void> serve_socket(beast::tcp_stream stream, Request request) {
    const bool from_replica = request.target() == "/peer";  // the Ingress does not route it
    if (!from_replica && request.target() != "/socket") co_return;
    Socket socket(std::move(stream));
    prepare(socket, beast::role_type::server);
    if (auto [error] = co_await socket.async_accept(request, kTuple); error) co_return;
    if (from_replica) {
      co_await read_messages(socket, [this](const Message& message) { room_.relay(message); });
      co_return;
    }
    Outbox outbox(socket.get_executor());
    const auto seat = room_.join(outbox);
    outbox.push(hello_);
    co_await (write_messages(socket, outbox) ||
              read_messages(socket, [this](const Message& message) { room_.say(message); }));
  }

  Room& room_;
  Message hello_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"The chat example's server"};
  std::string listen_flag;
  std::vector<std::string> peer_flags;
  app.add_option("--listen", listen_flag, "ADDRESS:PORT for browsers and the other replicas")
      ->required();
  app.add_option("--peer", peer_flags, "ADDRESS:PORT of another replica; repeatable");
  try {
    app.parse(argc, argv);
    const auto address = example::parse_endpoint(listen_flag);
    Room room;  // outlives the coroutines, which the io_context destroys
    Replica replica(room, address);
    asio::io_context io(1);
    for (const auto& peer : peer_flags) {
      asio::co_spawn(io, replica.keep_link(example::parse_endpoint(peer)), asio::detached);
    }
    const example::Serve serve = [&replica](beast::tcp_stream stream) {
      return replica.serve(std::move(stream));
    };
    example::serve_until_signal(io, address, serve, [&room] { room.close(); });
  } catch (const CLI::Error& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "chat: " << error.what() << '\n';
    return 1;
  }
}
