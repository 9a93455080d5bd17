#include "util/admin_server.h"

#include <memory>
#include <set>

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
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

namespace weir::util {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kMaxHead = 8 * 1024;

}  // namespace

AdminAnswer metrics_answer(std::string text) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)};
}

AdminAnswer probe_answer(const std::string& why_not) {
  if (why_not.empty()) return {.body = "ok\n"};
  return {.status = 503, .body = why_not + "\n"};
}

AdminAnswer not_found_answer() {
  return {.status = 404, .body = "not found\n"};
}

class AdminServer::Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(asio::io_context& io, Options options, Pages pages)
      : acceptor_(io), options_(std::move(options)), pages_(std::move(pages)), free_(io) {
    free_.expires_at(asio::steady_timer::time_point::max());
  }

  /// What is wrong, if something is.
  boost::system::error_code listen() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return error;
    const tcp::endpoint endpoint(address, options_.port);
    if (acceptor_.open(endpoint.protocol(), error)) return error;
    if (acceptor_.set_option(tcp::acceptor::reuse_address(true), error)) return error;
    if (acceptor_.bind(endpoint, error)) return error;
    if (acceptor_.listen(asio::socket_base::max_listen_connections, error)) return error;
    port_ = acceptor_.local_endpoint(error).port();
    return error;
  }

  std::uint16_t port() const { return port_; }

  void start() {
    asio::co_spawn(acceptor_.get_executor(), accept_all(shared_from_this()), asio::detached);
  }

  void stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    free_.cancel();
    for (auto* stream : open_) stream->cancel();
  }

 private:
  // Each coroutine holds the listener until its end.
  static asio::awaitable<void> accept_all(std::shared_ptr<Listener> self) {
    while (self->acceptor_.is_open()) {
      if (self->open_.size() >= self->options_.max_connections) {
        co_await self->free_.async_wait(kTuple);
        continue;
      }
      auto [error, socket] = co_await self->acceptor_.async_accept(kTuple);
      // Stopped while this connection was on its way here.
      if (!self->acceptor_.is_open()) co_return;
      if (error) {  // out of descriptors, mostly: not again at once
        asio::steady_timer pause(self->acceptor_.get_executor(), std::chrono::milliseconds(100));
        co_await pause.async_wait(kTuple);
        continue;
      }
      auto stream = std::make_unique<beast::tcp_stream>(std::move(socket));
      auto& served = *stream;
      self->open_.insert(&served);
      asio::co_spawn(self->acceptor_.get_executor(), serve(self, served),
                     [self, stream = std::move(stream)](const std::exception_ptr& /*failure*/) {
                       self->open_.erase(stream.get());
                       self->free_.cancel();
                     });
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<Listener> self, beast::tcp_stream& stream) {
    beast::flat_buffer buffer(kMaxHead);
    for (bool again = true; again && self->acceptor_.is_open();) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(kMaxHead);
      stream.expires_after(self->options_.timeout);
      const auto [read_error, head] = co_await http::async_read(stream, buffer, parser, kTuple);
      if (read_error) break;
      const auto& request = parser.get();
      auto answer = self->answer(request.method(), request.target());
      http::response<http::string_body> response(http::status(answer.status), request.version());
      response.set(http::field::content_type, answer.content_type);
      response.set(http::field::cache_control, "no-store");
      if (answer.status == 405) response.set(http::field::allow, "GET, HEAD");
      response.keep_alive(request.keep_alive());
      response.content_length(answer.body.size());
      if (request.method() != http::verb::head) response.body() = std::move(answer.body);
      stream.expires_after(self->options_.timeout);
      const auto [write_error, size] = co_await http::async_write(stream, response, kTuple);
      again = !write_error && response.keep_alive();
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
  }

  AdminAnswer answer(http::verb method, std::string_view target) const {
    if (method != http::verb::get && method != http::verb::head) {
      return {.status = 405, .body = "only GET and HEAD\n"};
    }
    return pages_(target.substr(0, target.find('?')));
  }

  tcp::acceptor acceptor_;
  Options options_;
  Pages pages_;
  asio::steady_timer free_;            // cancelled when a connection ends
  std::set<beast::tcp_stream*> open_;  // owned by what ends each of them
  std::uint16_t port_ = 0;
};

Result<std::unique_ptr<AdminServer>> AdminServer::start(asio::io_context& io, Options options,
                                                        Pages pages) {
  const auto where = fmt::format("cannot listen on {}:{}", options.address, options.port);
  auto listener = std::make_shared<Listener>(io, std::move(options), std::move(pages));
  if (const auto error = listener->listen()) {
    return unavailable(where + ": " + error.message());
  }
  listener->start();
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(listener)));
}

AdminServer::AdminServer(std::shared_ptr<Listener> listener) : listener_(std::move(listener)) {}

AdminServer::~AdminServer() {
  stop();
}

void AdminServer::stop() {
  listener_->stop();
}

std::uint16_t AdminServer::port() const {
  return listener_->port();
}

}  // namespace weir::util
