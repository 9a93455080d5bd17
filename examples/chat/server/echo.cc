// Answers every request with what it was: method, target, fields, body.

#include <chrono>
#include <iostream>
#include <sstream>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "net.h"

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr auto kIdle = std::chrono::seconds(120);
constexpr std::uint64_t kMaxBody = 1024 * 1024;

Response answer(const Request& request) {
  std::ostringstream text;
  text << request.base() << request.body();
  Response response(http::status::ok, request.version());
  response.keep_alive(request.keep_alive());
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.body() = text.str();
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

asio::awaitable<void> serve(beast::tcp_stream stream) {
  beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxBody);
    stream.expires_after(kIdle);
    auto [error, bytes] = co_await http::async_read(stream, buffer, parser, kTuple);
    Response response;
    if (error == http::error::body_limit) {
      response = Response(http::status::payload_too_large, 11);
      response.keep_alive(false);
      response.prepare_payload();
    } else if (error) {
      co_return;
    } else {
      response = answer(parser.get());
    }
    auto [write_error, written] = co_await http::async_write(stream, response, kTuple);
    if (write_error || !response.keep_alive()) co_return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Answers every request with what it was"};
  std::string listen_flag;
  app.add_option("--listen", listen_flag, "ADDRESS:PORT")->required();
  try {
    app.parse(argc, argv);
    asio::io_context io(1);
    example::serve_until_signal(io, example::parse_endpoint(listen_flag), serve,
                                [&io] { io.stop(); });
  } catch (const CLI::Error& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "echo: " << error.what() << '\n';
    return 1;
  }
}
