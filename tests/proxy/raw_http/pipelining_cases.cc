#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

const std::string kFirst = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1";
const std::string kSecond = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2";
const std::string kThird = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3";

HttpCase pipelined(std::string name, const std::string& requests) {
  auto made = passes(std::move(name), "9112 §9.3.2", requests);
  made.responses = {kFirst, kSecond, kThird};
  made.received = kFirst + kSecond + kThird;
  return made;
}

}  // namespace

std::vector<HttpCase> pipelining_cases() {
  const std::string length_body = post("Content-Length: 2\r\n", "hi");
  const std::string chunked_body =
      post("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n");
  std::vector<HttpCase> cases = {
      pipelined("ThreeGets", of("/1") + of("/2") + of("/3")),
      pipelined("BehindABody", length_body + length_body + get()),
      pipelined("BehindChunks", chunked_body + chunked_body + get()),
      pipelined("BehindABodyOfGet",
                "GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi" + get() + get()),
      refuses("GarbageBehindAGet", "9112 §9.3.2", get() + "garbage\r\n\r\n")
          .forwarding(get(), kAnswer),
      refuses("GarbageBehindABody", "9112 §9.3.2", length_body + "!\x01\r\n\r\n")
          .forwarding(length_body, kAnswer),
      refuses("GarbageBehindChunks", "9112 §9.3.2", chunked_body + "\x01\r\n\r\n")
          .forwarding(chunked_body, kAnswer),
      refuses("ABodyWhoseLengthIsTooSmall", "9112 §9.3.2",
              post("Content-Length: 1\r\n", "hi / HTTP/1.1\r\n\r\n"))
          .forwarding(post("Content-Length: 1\r\n", "h"), kAnswer),
      passes("ABodyBehindAHeadThatAnnouncesNone", "9112 §6.3",
             get() + "GET /second HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      passes("EmptyLinesBetween", "9112 §2.2", get() + "\r\n\r\n" + get(), get() + get()),
      passes("NothingBehindClose", "9112 §9.6", get("Connection: close\r\n") + get(), get())
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
      passes("NothingBehindHttp10", "9112 §9.3",
             "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n" + get(), get())
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
      refuses("NothingBehindARefusal", "9112 §2.2", get("X : y\r\n") + get()),
      refuses("NothingBehindABadChunk", "9112 §7.1",
              post("Transfer-Encoding: chunked\r\n", "z\r\n") + get()),
      refuses("NothingBehindABodyOverTheLimit", "9110 §15.5.14",
              post("Content-Length: 101\r\n", get()), 413),
      refuses("ANoRouteAnswerKeepsItsPlace", "9112 §9.3.2", get() + of("/none"), 404)
          .forwarding(get(), kAnswer)
          .kept(),
  };
  for (auto& one : cases) {
    if (one.name == "ABodyBehindAHeadThatAnnouncesNone" || one.name == "EmptyLinesBetween") {
      one.received = kAnswer + kAnswer;
    }
  }
  return cases;
}

}  // namespace weir::test
