#include "proxy/raw_http/http_case.h"

namespace weir::test {

std::vector<HttpCase> request_line_cases() {
  const std::string host = "Host: a.example\r\n\r\n";
  return {
      passes("Get", "9112 §3", "GET / HTTP/1.1\r\n" + host),
      passes("EmptyLinesBeforeIt", "9112 §2.2", "\r\n\r\nGET / HTTP/1.1\r\n" + host,
             "GET / HTTP/1.1\r\n" + host),
      passes("UnknownMethod", "9110 §9.1", "BREW / HTTP/1.1\r\n" + host),
      passes("MethodOfOddTokenBytes", "9110 §5.6.2", "M!#$%&'*+-.^_`|~9 / HTTP/1.1\r\n" + host),
      passes("MethodsAreCaseSensitive", "9110 §9.1", "get / HTTP/1.1\r\n" + host),
      passes("Trace", "9110 §9.3.8", "TRACE / HTTP/1.1\r\n" + host),
      passes("Http10", "9112 §2.3", "GET / HTTP/1.0\r\n" + host, "GET / HTTP/1.1\r\n" + host)
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
      refuses("NoMethod", "9112 §3", " / HTTP/1.1\r\n" + host),
      refuses("MethodWithSlash", "9110 §9.1", "GE/T / HTTP/1.1\r\n" + host),
      refuses("MethodWithByteAbove7f", "9110 §9.1", "G\xc3\x89T / HTTP/1.1\r\n" + host),
      refuses("MethodWithColon", "9110 §9.1", "GET: / HTTP/1.1\r\n" + host),
      refuses("MethodAlone", "9112 §3", "GET\r\n" + host),
      refuses("NoTarget", "9112 §3", "GET HTTP/1.1\r\n" + host),
      refuses("EmptyTarget", "9112 §3", "GET  HTTP/1.1\r\n" + host),
      refuses("TwoSpacesBeforeTarget", "9112 §3", "GET  / HTTP/1.1\r\n" + host),
      refuses("TwoSpacesBehindTarget", "9112 §3", "GET /  HTTP/1.1\r\n" + host),
      refuses("SpaceBehindVersion", "9112 §3", "GET / HTTP/1.1 \r\n" + host),
      refuses("SpaceBeforeMethod", "9112 §2.2", " GET / HTTP/1.1\r\n" + host),
      refuses("TabInsteadOfSpace", "9112 §3", "GET\t/ HTTP/1.1\r\n" + host),
      refuses("VerticalTabInsteadOfSpace", "9112 §3", "GET\v/ HTTP/1.1\r\n" + host),
      refuses("SpaceInTarget", "9112 §3.2", "GET /a b HTTP/1.1\r\n" + host),
      refuses("NoVersion", "9112 §3", "GET /\r\n" + host),
      refuses("LowerCaseVersion", "9112 §2.3", "GET / http/1.1\r\n" + host),
      refuses("VersionOfOneDigit", "9112 §2.3", "GET / HTTP/1\r\n" + host),
      refuses("VersionOfThreeDigits", "9112 §2.3", "GET / HTTP/1.10\r\n" + host),
      refuses("VersionWithSign", "9112 §2.3", "GET / HTTP/+1.1\r\n" + host),
      refuses("VersionWithComma", "9112 §2.3", "GET / HTTP/1,1\r\n" + host),
      refuses("OtherProtocol", "9112 §2.3", "GET / ICAP/1.0\r\n" + host),
      refuses("Version09", "9112 §2.3", "GET / HTTP/0.9\r\n" + host, 505),
      refuses("Version12", "9112 §2.3", "GET / HTTP/1.2\r\n" + host, 505),
      refuses("Version20", "9112 §2.3", "GET / HTTP/2.0\r\n" + host, 505),
      refuses("Version30", "9112 §2.3", "GET / HTTP/3.0\r\n" + host, 505),
      refuses("Http2Preface", "9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
      refuses("BareLf", "9112 §2.2", "GET / HTTP/1.1\nHost: a.example\r\n\r\n"),
      refuses("OnlyBareLfs", "9112 §2.2", "GET / HTTP/1.1\nHost: a.example\n\n"),
      refuses("BareLfBeforeIt", "9112 §2.2", "\nGET / HTTP/1.1\r\n" + host),
      refuses("BareCr", "9112 §2.2", "GET / HTTP/1.1\rHost: a.example\r\n\r\n"),
      refuses("TwoCrs", "9112 §2.2", "GET / HTTP/1.1\r\r\n" + host),
      refuses("CrInTarget", "9112 §2.2", "GET /a\rb HTTP/1.1\r\n" + host),
      refuses("NulInTarget", "9112 §3.2", std::string("GET /a\0b HTTP/1.1\r\n", 19) + host),
      refuses("ControlByteInTarget", "9112 §3.2", "GET /a\x01z HTTP/1.1\r\n" + host),
      refuses("TabInTarget", "9112 §3.2", "GET /a\tb HTTP/1.1\r\n" + host),
      refuses("DeleteByteInTarget", "9112 §3.2", "GET /a\x7fz HTTP/1.1\r\n" + host),
      refuses("NulInMethod", "9112 §3", std::string("G\0T / HTTP/1.1\r\n", 16) + host),
      refuses("TlsHello", "8446 §5.1", "\x16\x03\x01\x02\r\n\r\n"),
      refuses("FieldInsteadOfIt", "9112 §3", "Host: a.example\r\n\r\n"),
  };
}

}  // namespace weir::test
