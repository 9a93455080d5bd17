#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

/// The client ends amid its request: no answer, and no whole request for the backend.
HttpCase given_up(std::string name, std::string request) {
  return refuses(std::move(name), "9112 §8", std::move(request), 0).hanging_up();
}

/// The backend closes amid its response; the client must see that something is missing.
HttpCase cut_off(std::string name, const std::string& response) {
  return answers(std::move(name), "9112 §8", response).backend_closes().closed();
}

std::string with(const std::string& lines, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + lines + "\r\n" + body;
}

}  // namespace

std::vector<HttpCase> truncated_cases() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::string plain10 = "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n";
  return {
      given_up("NothingSent", ""),
      given_up("OneByteSent", "G"),
      given_up("CrSent", "\r"),
      given_up("RequestLineCutShort", "GET / HT"),
      given_up("HeadCutShort", "GET / HTTP/1.1\r\nHost: a.exa"),
      given_up("HeadWithoutItsEmptyLine", "GET / HTTP/1.1\r\nHost: a.example\r\n"),
      given_up("BodyNotBegun", post("Content-Length: 5\r\n", "")).cutting(),
      given_up("BodyCutShort", post("Content-Length: 5\r\n", "hell")).cutting(),
      given_up("ChunkSizeCutShort", post(chunked, "5")).cutting(),
      given_up("ChunkDataCutShort", post(chunked, "5\r\nhell")).cutting(),
      given_up("ChunkWithoutItsEnd", post(chunked, "5\r\nhello")).cutting(),
      given_up("LastChunkMissing", post(chunked, "5\r\nhello\r\n")).cutting(),
      given_up("EmptyLineMissing", post(chunked, "5\r\nhello\r\n0\r\n")).cutting(),
      given_up("TrailerCutShort", post(chunked, "5\r\nhello\r\n0\r\nX-S")).cutting(),

      cut_off("ResponseBodyCutShort", with("Content-Length: 5\r\n", "hell")),
      cut_off("ResponseBodyNotBegun", with("Content-Length: 5\r\n", "")),
      cut_off("ResponseChunkCutShort", with(chunked, "5\r\nhell")),
      cut_off("ResponseLastChunkMissing", with(chunked, "5\r\nhello\r\n")),
      cut_off("ResponseEmptyLineMissing", with(chunked, "5\r\nhello\r\n0\r\n")),
      answers("ResponseBadChunk", "9112 §7.1", with(chunked, "5\r\nhello\r\n-1\r\nx\r\n"),
              with(chunked, "5\r\nhello\r\n"))
          .pooled(HttpCase::Pool::Fresh)
          .closed(),
      answers("ResponseForbiddenTrailer", "9110 §6.5.1",
              with(chunked, "0\r\nContent-Length: 5\r\n\r\n"), with(chunked, "0\r\nContent-Length"))
          .pooled(HttpCase::Pool::Fresh)
          .closed(),
      answers("ResponseUntilCloseCutByReset", "9112 §8", with("X: y\r\n", "hello"),
              with("X: y\r\nConnection: close\r\n", "hello"))
          .backend_resets()
          .reset(),
      passes("ResponseChunksCutShortForHttp10", "9112 §8", plain10, get())
          .answered(with(chunked, "5\r\nhello\r\n"), with("Connection: close\r\n", "hello"))
          .backend_closes()
          .reset(),
      passes("ResponseBadChunkForHttp10", "9112 §7.1", plain10, get())
          .answered(with(chunked, "5\r\nhello\r\nz"), with("Connection: close\r\n", "hello"))
          .pooled(HttpCase::Pool::Fresh)
          .reset(),
      bad_response("ResponseHeadCutShort", "9112 §8", "HTTP/1.1 200 OK\r\nContent-")
          .backend_closes(),
      bad_response("ResponseHeadWithoutItsEmptyLine", "9112 §8", with("", "").substr(0, 17))
          .backend_closes(),
      bad_response("NoResponse", "9112 §8", "").backend_closes(),
      bad_response("NoResponseButReset", "9112 §8", "").backend_resets(),
  };
}

}  // namespace weir::test
