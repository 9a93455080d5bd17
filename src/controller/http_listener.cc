#include "controller/http_listener.h"

#include <chrono>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>

#include "util/log.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kDeadline{10};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::size_t kMaxHead = 8 * 1024;
constexpr std::size_t kMaxConnections = 64;
constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

}  // namespace

struct HttpListener::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& io, Handler answer) : acceptor(io), handler(std::move(answer)) {}

  static asio::awaitable<void> accept_all(std::shared_ptr<Impl> self) {
    while (!self->is_stopped) {
      auto [error, socket] = co_await self->acceptor.async_accept(kToken);
      if (self->is_stopped) co_return;
      if (error) {
        asio::steady_timer pause(self->acceptor.get_executor(), kAcceptPause);
        co_await pause.async_wait(kToken);
      } else if (self->connections < kMaxConnections) {
        asio::co_spawn(self->acceptor.get_executor(), serve(self, std::move(socket)),
                       asio::detached);
      }
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<Impl> self, tcp::socket socket) {
    struct Counted {
      explicit Counted(std::size_t& n) : count(n) { ++count; }
      ~Counted() { --count; }
      std::size_t& count;
    };
    const Counted counted(self->connections);
    beast::tcp_stream stream(std::move(socket));
    stream.expires_after(kDeadline);
    beast::flat_buffer buffer(2 * kMaxHead);
    http::request_parser<http::empty_body> parser;
    parser.header_limit(kMaxHead);
    const auto [read_error, read_size] =
        co_await http::async_read_header(stream, buffer, parser, kToken);
    if (read_error || self->is_stopped) co_return;
    auto response = self->answer(parser.get());
    co_await http::async_write(stream, response, kToken);
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  http::response<http::string_body> answer(const http::request<http::empty_body>& request) const {
    HttpAnswer answer;
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      answer.status = 405;
      answer.body = "only GET and HEAD\n";
    } else {
      const std::string_view target(request.target().data(), request.target().size());
      answer = handler(target.substr(0, target.find('?')));
    }
    http::response<http::string_body> response;
    response.version(11);
    response.result(answer.status);
    response.set(http::field::content_type, answer.content_type);
    response.keep_alive(false);
    response.body() = std::move(answer.body);
    response.prepare_payload();
    if (request.method() == http::verb::head) response.body().clear();
    return response;
  }

  tcp::acceptor acceptor;
  const Handler handler;
  std::size_t connections = 0;
  bool is_stopped = false;
};

util::Result<std::unique_ptr<HttpListener>> HttpListener::listen(asio::io_context& io,
                                                                 const std::string& address,
                                                                 std::uint16_t port,
                                                                 Handler handler) {
  auto impl = std::make_shared<Impl>(io, std::move(handler));
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(address, error), port);
  auto& acceptor = impl->acceptor;
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return util::unavailable(
        fmt::format("cannot listen on {} port {}: {}", address, port, error.message()));
  }
  asio::co_spawn(io, Impl::accept_all(impl), asio::detached);
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(impl)));
}

HttpListener::HttpListener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpListener::~HttpListener() {
  stop();
}

std::uint16_t HttpListener::port() const {
  return impl_->acceptor.local_endpoint().port();
}

void HttpListener::stop() {
  if (impl_->is_stopped) return;
  impl_->is_stopped = true;
  boost::system::error_code ignored;
  impl_->acceptor.close(ignored);
}

}  // namespace weir::controller
