#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

std::string with(const std::string& lines, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + lines + "\r\n" + body;
}

HttpCase head_request(std::string name, std::string section, const std::string& response) {
  const std::string head = "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n";
  return passes(std::move(name), std::move(section), head).answered(response, response);
}

HttpCase http10(std::string name, std::string section, std::string response, std::string received) {
  return passes(std::move(name), std::move(section), "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n",
                get())
      .closed()
      .answered(std::move(response), std::move(received));
}

}  // namespace

std::vector<HttpCase> response_framing_cases() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string closing = "Connection: close\r\n";
  const auto fresh = HttpCase::Pool::Fresh;
  return {
      answers("Length", "9112 §6.3", with("Content-Length: 5\r\n", "hello")),
      answers("LengthZero", "9112 §6.3", with("Content-Length: 0\r\n")),
      answers("LengthSpacedOddly", "9112 §5.1", with("X: y\r\nContent-Length:\t5 \r\n", "hello"),
              with("Content-Length: 5\r\nX: y\r\n", "hello")),
      answers("Chunked", "9112 §7.1", with(chunked, "5;x=y\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")),
      answers("UntilClose", "9112 §6.3", with("X: y\r\n", "hello"),
              with("X: y\r\n" + closing, "hello"))
          .backend_closes()
          .closed(),
      answers("UntilCloseWithNothing", "9112 §6.3", with(""), with(closing))
          .backend_closes()
          .closed(),
      answers("UntilCloseOfHttp10", "9112 §6.3", "HTTP/1.0 200 OK\r\n\r\nhello",
              with(closing, "hello"))
          .backend_closes()
          .closed(),
      answers("NoContent", "9112 §6.3", "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"),
      answers("NoContentWithLength", "9110 §8.6",
              "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX: y\r\n\r\n",
              "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"),
      answers("NoContentWithEncoding", "9112 §6.1",
              "HTTP/1.1 204 No Content\r\nX: y\r\n" + chunked + "\r\n",
              "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n"),
      answers("NotModifiedWithLength", "9110 §8.6",
              "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
      answers("NotModifiedWithEncoding", "9112 §6.1",
              "HTTP/1.1 304 Not Modified\r\n" + chunked + "\r\n"),
      answers("ResetContent", "9110 §15.3.6",
              "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n"),
      head_request("HeadWithLength", "9110 §9.3.2", with("Content-Length: 5\r\n")),
      head_request("HeadWithEncoding", "9112 §6.1", with(chunked)),
      head_request("HeadWithoutFraming", "9112 §6.3", with("X: y\r\n")),
      head_request("HeadWithABody", "9110 §9.3.2", with("Content-Length: 5\r\n"))
          .answered(with("Content-Length: 5\r\n", "hello"), with("Content-Length: 5\r\n"))
          .pooled(fresh),
      http10(
          "ChunksForHttp10", "9112 §6.1",
          with("Trailer: X-Sum\r\n" + chunked, "2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n"),
          with(closing, "hello")),
      http10("NotModifiedWithEncodingForHttp10", "9112 §6.1",
             "HTTP/1.1 304 Not Modified\r\n" + chunked + "\r\n",
             "HTTP/1.1 304 Not Modified\r\n" + closing + "\r\n"),
      http10("LengthForHttp10", "9112 §6.2", with("Content-Length: 5\r\n", "hello"),
             with("Content-Length: 5\r\n" + closing, "hello")),

      bad_response("LengthTwice", "9112 §6.3",
                   with("Content-Length: 5\r\nContent-Length: 6\r\n", "hello!")),
      bad_response("LengthTwiceAlike", "9112 §6.3",
                   with("Content-Length: 5\r\nContent-Length: 5\r\n", "hello")),
      bad_response("LengthList", "9112 §6.3", with("Content-Length: 5, 5\r\n", "hello")),
      bad_response("LengthPlus", "9110 §8.6", with("Content-Length: +5\r\n", "hello")),
      bad_response("LengthMinus", "9110 §8.6", with("Content-Length: -5\r\n", "hello")),
      bad_response("LengthHex", "9110 §8.6", with("Content-Length: 0x5\r\n", "hello")),
      bad_response("LengthEmpty", "9110 §8.6", with("Content-Length:\r\n", "hello")),
      bad_response("LengthOfTwoTo64", "9110 §8.6",
                   with("Content-Length: 18446744073709551616\r\n", "hello")),
      bad_response("LengthAndChunked", "9112 §6.3",
                   with("Content-Length: 5\r\n" + chunked, "0\r\n\r\n")),
      bad_response("ChunkedAndLength", "9112 §6.3",
                   with(chunked + "Content-Length: 5\r\n", "0\r\n\r\n")),
      bad_response("ChunkedTwice", "9112 §6.1", with(chunked + chunked, "0\r\n\r\n")),
      bad_response("EncodingGzipAndChunked", "9112 §6.1",
                   with("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n")),
      bad_response("EncodingIdentity", "9112 §6.1",
                   with("Transfer-Encoding: identity\r\n", "hello")),
      bad_response("EncodingXChunked", "9112 §6.1",
                   with("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
      bad_response("ChunkedInHttp10", "9112 §6.1",
                   "HTTP/1.0 200 OK\r\n" + chunked + "\r\n0\r\n\r\n"),
      bad_response("NoContentWithBadLength", "9110 §8.6",
                   "HTTP/1.1 204 No Content\r\nContent-Length: x\r\n\r\n"),
      bad_response("NotModifiedWithTwoLengths", "9110 §8.6",
                   "HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
  };
}

}  // namespace weir::test
