#include "util/admin_server.h"

#include <netinet/in.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <set>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "util/unix_listener.h"

namespace weir::util {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
/// TCP or Unix sockets.
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kMaxHead = 8 * 1024;
constexpr mode_t kUnixMode = 0600;

/// An answer that may still be on its way.
struct Awaited {
  explicit Awaited(const asio::any_io_executor& executor) : came(executor) {}
  std::optional<AdminAnswer> answer;
  asio::steady_timer came;  // cancelled when it has
};

}  // namespace

AdminAnswer metrics_answer(const std::vector<prometheus::MetricFamily>& families,
                           std::string_view accept) {
  const auto format = metrics_format(accept);
  const auto* type = format == MetricsFormat::OpenMetrics
                         ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                         : "text/plain; version=0.0.4; charset=utf-8";
  return {200, type, metrics_text(families, format)};
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
  Listener(asio::io_context& io, Options options, bool takes_post, Handler handler)
      : acceptor_(io),
        options_(std::move(options)),
        takes_post_(takes_post),
        handler_(std::move(handler)),
        free_(io) {
    free_.expires_at(asio::steady_timer::time_point::max());
  }

  Result<void> listen() {
    if (!options_.unix_path.empty()) {
      const auto fd = listen_unix(options_.unix_path, kUnixMode);
      if (!fd) return fd.error();
      acceptor_.assign(Protocol(AF_UNIX, 0), *fd);
      return {};
    }
    if (const auto error = listen_tcp()) {
      return unavailable(fmt::format("cannot listen on {}:{}: {}", options_.address, options_.port,
                                     error.message()));
    }
    return {};
  }

  std::uint16_t port() const { return port_; }

  void start() {
    asio::co_spawn(acceptor_.get_executor(), accept_all(shared_from_this()), asio::detached);
  }

  void stop() {
    boost::system::error_code ignored;
    const bool listened = acceptor_.is_open();
    acceptor_.close(ignored);
    if (listened && !options_.unix_path.empty()) ::unlink(options_.unix_path.c_str());
    free_.cancel();
    for (auto* stream : open_) stream->cancel();
    for (auto* awaited : awaited_) awaited->came.cancel();
  }

 private:
  boost::system::error_code listen_tcp() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return error;
    const Protocol::endpoint endpoint(asio::ip::tcp::endpoint(address, options_.port));
    if (acceptor_.open(endpoint.protocol(), error)) return error;
    if (acceptor_.set_option(asio::socket_base::reuse_address(true), error)) return error;
    if (acceptor_.bind(endpoint, error)) return error;
    if (acceptor_.listen(asio::socket_base::max_listen_connections, error)) return error;
    // Both families have the port at the same place.
    auto bound = acceptor_.local_endpoint(error);
    port_ = ntohs(reinterpret_cast<const sockaddr_in*>(bound.data())->sin_port);
    return error;
  }

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
      auto stream = std::make_unique<Stream>(std::move(socket));
      auto& served = *stream;
      self->open_.insert(&served);
      asio::co_spawn(self->acceptor_.get_executor(), serve(self, served),
                     [self, stream = std::move(stream)](const std::exception_ptr& /*failure*/) {
                       self->open_.erase(stream.get());
                       self->free_.cancel();
                     });
    }
  }

  static asio::awaitable<void> serve(std::shared_ptr<Listener> self, Stream& stream) {
    beast::flat_buffer buffer(kMaxHead);
    for (bool again = true; again && self->acceptor_.is_open();) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(kMaxHead);
      stream.expires_after(self->options_.timeout);
      const auto [read_error, head] = co_await http::async_read(stream, buffer, parser, kTuple);
      if (read_error) break;
      const auto& request = parser.get();
      const auto answer_due =
          self->ask(request.method(), request.target(), request[http::field::accept]);
      if (!answer_due->answer) {
        self->awaited_.insert(answer_due.get());
        answer_due->came.expires_after(self->options_.timeout);
        co_await answer_due->came.async_wait(kTuple);
        self->awaited_.erase(answer_due.get());
        if (!self->acceptor_.is_open()) break;
      }
      auto answer = std::move(answer_due->answer).value_or(late_answer());
      http::response<http::string_body> response(http::status(answer.status), request.version());
      response.set(http::field::content_type, answer.content_type);
      response.set(http::field::cache_control, "no-store");
      if (answer.status == 405) {
        response.set(http::field::allow, self->takes_post_ ? "GET, HEAD, POST" : "GET, HEAD");
      }
      response.keep_alive(request.keep_alive());
      response.content_length(answer.body.size());
      if (request.method() != http::verb::head) response.body() = std::move(answer.body);
      stream.expires_after(self->options_.timeout);
      const auto [write_error, size] = co_await http::async_write(stream, response, kTuple);
      again = !write_error && response.keep_alive();
    }
    boost::system::error_code ignored;
    stream.socket().shutdown(Protocol::socket::shutdown_both, ignored);
  }

  static AdminAnswer late_answer() { return {.status = 503, .body = "no answer in time\n"}; }

  std::shared_ptr<Awaited> ask(http::verb method, std::string_view target,
                               std::string_view accept) {
    auto awaited = std::make_shared<Awaited>(acceptor_.get_executor());
    const bool post = takes_post_ && method == http::verb::post;
    if (!post && method != http::verb::get && method != http::verb::head) {
      awaited->answer = AdminAnswer{
          .status = 405, .body = takes_post_ ? "only GET, HEAD and POST\n" : "only GET and HEAD\n"};
      return awaited;
    }
    const auto question = std::min(target.find('?'), target.size());
    const AdminRequest request{post, target.substr(0, question),
                               target.substr(std::min(question + 1, target.size())), accept};
    handler_(request, [awaited](AdminAnswer answer) {
      awaited->answer = std::move(answer);
      awaited->came.cancel();
    });
    return awaited;
  }

  asio::basic_socket_acceptor<Protocol> acceptor_;
  Options options_;
  bool takes_post_;
  Handler handler_;
  asio::steady_timer free_;     // cancelled when a connection ends
  std::set<Stream*> open_;      // owned by what ends each of them
  std::set<Awaited*> awaited_;  // owned by the coroutines that wait
  std::uint16_t port_ = 0;
};

Result<std::unique_ptr<AdminServer>> AdminServer::start(asio::io_context& io, Options options,
                                                        Pages pages) {
  return start(io, std::move(options), /*takes_post=*/false,
               [pages = std::move(pages)](const AdminRequest& request, const Reply& reply) {
                 reply(pages(request));
               });
}

Result<std::unique_ptr<AdminServer>> AdminServer::start(asio::io_context& io, Options options,
                                                        Handler handler) {
  return start(io, std::move(options), /*takes_post=*/true, std::move(handler));
}

Result<std::unique_ptr<AdminServer>> AdminServer::start(asio::io_context& io, Options options,
                                                        bool takes_post, Handler handler) {
  auto listener =
      std::make_shared<Listener>(io, std::move(options), takes_post, std::move(handler));
  if (const auto listening = listener->listen(); !listening) return listening.error();
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
