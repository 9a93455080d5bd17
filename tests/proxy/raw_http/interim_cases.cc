#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

const std::string kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
const std::string kHints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";

/// The backend answers a head with `response`, before it has the body.
HttpCase answered_early(std::string name, std::string section, std::string request,
                        std::string response, std::string received) {
  auto made = refuses(std::move(name), std::move(section), std::move(request), 0);
  made.on_head = std::move(response);
  made.received = std::move(received);
  made.pool = HttpCase::Pool::Fresh;
  return std::move(made).cutting();
}

}  // namespace

std::vector<HttpCase> interim_cases() {
  auto expecting = passes("ContinueReachesTheClientBeforeTheBody", "9110 §10.1.1",
                          post("Expect: 100-continue\r\nContent-Length: 2\r\n", "hi"));
  expecting.request = post("Expect: 100-continue\r\nContent-Length: 2\r\n", "");
  expecting.on_head = kContinue;
  expecting.received = kContinue + kAnswer;
  expecting = std::move(expecting).then(kContinue, "hi");

  auto expecting_chunks = passes(
      "ContinueBeforeChunks", "9110 §10.1.1",
      post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"));
  expecting_chunks.request = post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "");
  expecting_chunks.on_head = kContinue;
  expecting_chunks.received = kContinue + kAnswer;
  expecting_chunks = std::move(expecting_chunks).then(kContinue, "2\r\nhi\r\n0\r\n\r\n");

  auto bad_chunk = refuses("ABadChunkBehindContinue", "9112 §7.1",
                           post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""));
  bad_chunk.on_head = kContinue;
  bad_chunk.received = kContinue;
  bad_chunk = std::move(bad_chunk).then(kContinue, "z\r\n").cutting();

  auto too_large = refuses("ABodyOverTheLimitBehindContinue", "9110 §15.5.14",
                           post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", ""), 413);
  too_large.on_head = kContinue;
  too_large.received = kContinue;
  too_large =
      std::move(too_large).then(kContinue, "70\r\n" + std::string(112, 'a') + "\r\n").cutting();

  auto http10 =
      passes("ExpectOfHttp10IsIgnored", "9110 §10.1.1",
             "POST / HTTP/1.0\r\nHost: a.example\r\nExpect: 100-continue\r\n"
             "Content-Length: 2\r\n\r\nhi",
             post("Content-Length: 2\r\n", "hi"))
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");

  const std::string plain10 = "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n";
  const std::string closing = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  const std::string refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
  const std::string refusal_closing =
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
  return {
      expecting,
      expecting_chunks,
      bad_chunk,
      too_large,
      http10,
      passes("ExpectOfAnythingElseIsTheBackends", "9110 §10.1.1", get("Expect: tea\r\n")),
      answered_early("FinalInsteadOfContinue", "9110 §10.1.1",
                     post("Expect: 100-continue\r\nContent-Length: 9\r\n", ""), refusal,
                     refusal_closing),
      answered_early("FinalBeforeTheBodysEnd", "9112 §7.2", post("Content-Length: 9\r\n", "half"),
                     refusal, refusal_closing),
      answered_early("FinalBeforeTheLastChunk", "9112 §7.2",
                     post("Transfer-Encoding: chunked\r\n", "4\r\nhalf\r\n"), refusal,
                     refusal_closing),
      answered_early("HintsAndFinalBeforeTheBodysEnd", "9112 §7.2",
                     post("Content-Length: 9\r\n", "half"), kHints + refusal,
                     kHints + refusal_closing),
      answers("EarlyHints", "8297 §2", kHints + kAnswer),
      answers("SeveralEarlyHints", "8297 §2", kHints + kHints + kContinue + kHints + kAnswer),
      answers("Processing", "2518 §10.1", "HTTP/1.1 102 Processing\r\n\r\n" + kAnswer),
      answers("UnknownInterim", "9110 §15.2", "HTTP/1.1 199 What\r\nX: y\r\n\r\n" + kAnswer),
      answers("ContinueThatNobodyExpects", "9110 §15.2.1", kContinue + kAnswer),
      answers("InterimFieldsOfTheConnection", "9110 §7.6.1",
              "HTTP/1.1 103 Early Hints\r\nConnection: X-One\r\nX-One: 1\r\nKeep-Alive: x\r\n\r\n" +
                  kAnswer,
              "HTTP/1.1 103 Early Hints\r\n\r\n" + kAnswer),
      answers("InterimOfHttp10", "9112 §2.3", "HTTP/1.0 103 Early Hints\r\n\r\n" + kAnswer,
              "HTTP/1.1 103 Early Hints\r\n\r\n" + kAnswer),
      passes("NoInterimForHttp10", "9110 §15.2", plain10, get())
          .closed()
          .answered(kHints + kContinue + kAnswer, closing),
      bad_response("InterimWithLength", "9110 §8.6",
                   "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" + kAnswer),
      bad_response("InterimWithEncoding", "9112 §6.1",
                   "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n" + kAnswer),
      answers("InterimAndThenNonsense", "9110 §15.2", kHints + "nonsense\r\n\r\n", kHints)
          .refused_at_last(502)
          .pooled(HttpCase::Pool::Fresh),
      bad_response(
          "SwitchingProtocolsUnasked", "9110 §15.2.2",
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "\r\n" +
              kAnswer),
      bad_response(
          "SwitchingProtocolsToH2c", "9110 §15.2.2",
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
      bad_response("SwitchingProtocolsToNothing", "9110 §15.2.2",
                   "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
  };
}

}  // namespace weir::test
