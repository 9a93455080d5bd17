#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

const std::string kClosing = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const std::string kKeeping =
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok";

/// `lines` do not go on.
HttpCase drops(std::string name, std::string section, const std::string& lines) {
  return passes(std::move(name), std::move(section), get(lines), get());
}

HttpCase http10(std::string name, const std::string& lines) {
  return passes(std::move(name), "9112 §9.3",
                "GET / HTTP/1.0\r\nHost: a.example\r\n" + lines + "\r\n", get());
}

}  // namespace

std::vector<HttpCase> connection_cases() {
  return {
      drops("KeepAlive", "9112 §9.3", "Connection: keep-alive\r\n"),
      drops("Close", "9112 §9.6", "Connection: close\r\n").closed().answered(kAnswer, kClosing),
      drops("CloseInAnyCase", "9110 §7.6.1", "connection: CLOSE\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      drops("CloseInAList", "9110 §7.6.1", "Connection: x, ,close ,y\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      drops("CloseInASecondLine", "9110 §7.6.1", "Connection: keep-alive\r\nConnection: close\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      drops("CloseWinsOverKeepAlive", "9112 §9.3", "Connection: close, keep-alive\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      drops("CloseAsPartOfAWord", "9110 §7.6.1", "Connection: closed, not-close\r\n"),
      drops("ProxyConnectionSaysNothing", "9112 §C.2.2", "Proxy-Connection: close\r\n"),
      drops("KeepAliveField", "9112 §9.3", "Keep-Alive: timeout=5\r\n"),
      drops("Te", "9110 §10.1.4", "TE: trailers, deflate;q=0.5\r\n"),
      drops("TeListed", "9110 §10.1.4", "Connection: TE\r\nTE: trailers\r\n"),
      passes("TrailerFieldStaysWithItsTrailers", "9110 §6.6.2",
             post("Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-Sum: 1\r\n\r\n")),
      drops("UpgradeToH2c", "9113 §3.1",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
      drops("UpgradeToTls", "2817 §3", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n"),
      drops("UpgradeNotListed", "9110 §7.8", "Upgrade: websocket\r\n"),
      drops("UpgradeToTwo", "9110 §7.8", "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"),
      drops("UpgradeInTwoLines", "9110 §7.8",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n"),
      drops("UpgradeWithoutKey", "6455 §4.2.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n"),
      drops("ListedFields", "9110 §7.6.1",
            "X-One: 1\r\nConnection: X-One, x-two\r\nX-Two: 2\r\nX-TWO: 3\r\n"),
      drops("ListedByAFieldBehind", "9110 §7.6.1",
            "X-One: 1\r\nConnection: close\r\n"
            "Connection: X-One\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      drops("ListedFieldsThatAreNotThere", "9110 §7.6.1", "Connection: X-One, X-Two\r\n"),
      drops("ListedHost", "9110 §7.6.1", "Connection: Host\r\n"),
      drops("ListedConnection", "9110 §7.6.1", "Connection: Connection\r\n"),
      drops("ListedForwardedFor", "9110 §7.6.1",
            "Connection: X-Forwarded-For, X-Real-IP, X-Forwarded-Proto\r\n"),
      drops("ListOfNothing", "9110 §5.6.1", "Connection: , ,,\r\n"),
      drops("ListIsEmpty", "9110 §5.6.1", "Connection:\r\n"),
      passes("ListedLength", "9110 §7.6.1",
             post("Connection: Content-Length\r\nContent-Length: 2\r\n", "ok"),
             post("Content-Length: 2\r\n", "ok")),
      passes("ListedEncoding", "9110 §7.6.1",
             post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
             post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")),
      http10("Http10ClosesUnasked", "").closed().answered(kAnswer, kClosing),
      http10("Http10KeepAlive", "Connection: Keep-Alive\r\n").answered(kAnswer, kKeeping),
      http10("Http10KeepAliveAndClose", "Connection: keep-alive, close\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      http10("Http10KeepAliveByProxyConnection", "Proxy-Connection: keep-alive\r\n")
          .closed()
          .answered(kAnswer, kClosing),
      answers("BackendCloseStaysItsOwn", "9110 §7.6.1",
              "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", kAnswer)
          .pooled(HttpCase::Pool::Fresh),
      answers("BackendFieldsOfTheConnection", "9110 §7.6.1",
              "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-One\r\nX-One: 1\r\n"
              "Keep-Alive: timeout=5\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: x\r\n"
              "Content-Length: 2\r\n\r\nok",
              kAnswer),
      answers("BackendListsItsLength", "9110 §7.6.1",
              "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 2\r\n\r\nok",
              kAnswer),
      answers("BackendOfHttp10", "9112 §2.3", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
              kAnswer)
          .pooled(HttpCase::Pool::Fresh),
      answers("BackendOfHttp10KeepsAlive", "9112 §9.3",
              "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", kAnswer),
      answers("BackendClosesBehindItsResponse", "9112 §9.3", kAnswer).backend_closes(),
      answers("BytesBehindAResponse", "9112 §9.2", kAnswer + "HTTP/1.1 200 OK\r\n\r\n", kAnswer)
          .pooled(HttpCase::Pool::Fresh),
      answers("OneByteBehindAResponse", "9112 §9.2", kAnswer + "\n", kAnswer)
          .pooled(HttpCase::Pool::Fresh),
      answers("BytesBehindAChunkedResponse", "9112 §9.2",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kAnswer,
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
          .pooled(HttpCase::Pool::Fresh),
      answers("BytesBehindA204", "9112 §6.3", "HTTP/1.1 204 No Content\r\n\r\n" + kAnswer,
              "HTTP/1.1 204 No Content\r\n\r\n")
          .pooled(HttpCase::Pool::Fresh),
  };
}

}  // namespace weir::test
