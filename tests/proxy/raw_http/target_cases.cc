#include "proxy/raw_http/http_case.h"

namespace weir::test {

// Every host leads to the backend, but for the exact path "/none", which leads nowhere (404): so a
// case shows by which path it was routed.
std::vector<HttpCase> target_cases() {
  return {
      passes("Query", "9112 §3.2.1", of("/a?b=c&d=%20?/..")),
      passes("EmptyQuery", "9112 §3.2.1", of("/a?")),
      passes("QueryOfOddBytes", "WHATWG URL", of("/a?\\^`{|}\"<>[]")),
      passes("PathOfOddBytes", "WHATWG URL", of("/a|b^c`{}\"<>[]';~!$&()*+,=:@")),
      passes("Utf8InPath", "nginx", of("/caf\xc3\xa9?\xe2\x82\xac")),
      passes("BytesThatAreNoUtf8", "nginx", of("/\xff\xfe\x80")),
      passes("EscapesStayAsTheyCame", "nginx", of("/%41%2f%5c%7E")),
      passes("EscapedControlBytes", "nginx", of("/%01%0d%0a%7f")),
      passes("EscapedSlash", "nginx", of("/none%2fx")),
      passes("DotSegments", "nginx", of("/a/./b/../c")),
      passes("DotSegmentsToTheRoot", "nginx", of("/a/..")),
      passes("EscapedDotSegments", "nginx", of("/a/%2e%2E/b")),
      passes("DotSegmentsOutOfAPathWithNoBackend", "nginx", of("/none/../a")),
      passes("SlashesAreMerged", "nginx", of("//a///b")),
      passes("DoubleSlashIsNoAuthority", "9112 §3.2.1", of("//b.example/x")),
      passes("DotsInQueryAreData", "3986 §3.4", of("/?/../../x")),
      passes("Semicolon", "3986 §3.3", of("/a;v=1/b;c")),
      refuses("DotSegmentsIntoAPathWithNoBackend", "nginx", of("/a/../none"), 404).kept(),
      refuses("EscapedPathWithNoBackend", "nginx", of("/%6eone"), 404).kept(),
      refuses("MergedSlashesIntoAPathWithNoBackend", "nginx", of("//none"), 404).kept(),
      refuses("EscapedSlashIntoAPathWithNoBackend", "nginx", of("/%2Fnone"), 404).kept(),
      refuses("AboveTheRoot", "nginx", of("/..")),
      refuses("AboveTheRootLater", "nginx", of("/a/../../b")),
      refuses("AboveTheRootEscaped", "nginx", of("/%2e%2e/b")),
      refuses("AboveTheRootByAnEscapedSlash", "nginx", of("/a/..%2f..%2fb")),
      refuses("EscapeOfNoHexDigits", "3986 §2.1", of("/%zz")),
      refuses("EscapeCutShort", "3986 §2.1", of("/a%2")),
      refuses("PercentAlone", "3986 §2.1", of("/100%")),
      refuses("EscapedNul", "nginx", of("/a%00b")),
      refuses("Fragment", "9112 §3.2", of("/a#b")),
      refuses("FragmentBehindQuery", "9112 §3.2", of("/a?b#c")),
      refuses("Backslash", "3986 §3.3", of("/a\\..\\b")),
      refuses("BackslashFirst", "9112 §3.2", of("\\a")),
      refuses("NoSlash", "9112 §3.2", of("a/b")),
      refuses("QueryAlone", "9112 §3.2", of("?a")),
      refuses("DotSegmentFirst", "9112 §3.2", of("../a")),

      passes("AbsoluteForm", "9112 §3.2.2", "GET http://b.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /x?y HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example"),
      passes("AbsoluteFormWithPort", "9112 §3.2.2",
             "GET http://b.example:81/ HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: b.example:81\r\n\r\n")
          .with_host("b.example:81"),
      passes("AbsoluteFormOfHttps", "9112 §3.2.2",
             "GET https://b.example/x HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /x HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example"),
      passes("AbsoluteFormInUpperCase", "9110 §4.2.3",
             "GET HTTP://B.Example/X HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /X HTTP/1.1\r\nHost: B.Example\r\n\r\n")
          .with_host("B.Example"),
      passes("AbsoluteFormWithoutPath", "9112 §3.2.1",
             "GET http://b.example HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example"),
      passes("AbsoluteFormWithQueryOnly", "9112 §3.2.1",
             "GET http://b.example?q HTTP/1.1\r\nHost: a\r\n\r\n",
             "GET /?q HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example"),
      passes("AbsoluteFormOfOptionsWithoutPath", "9112 §3.2.4",
             "OPTIONS http://b.example HTTP/1.1\r\nHost: a\r\n\r\n",
             "OPTIONS * HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example"),
      passes("AbsoluteFormInHttp10", "9112 §3.2.2", "GET http://b.example/ HTTP/1.0\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: b.example\r\n\r\n")
          .with_host("b.example")
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
      refuses("AbsoluteFormWithoutHostField", "9112 §3.2",
              "GET http://b.example/ HTTP/1.1\r\n\r\n"),
      refuses("AbsoluteFormWithBadHostField", "9112 §3.2",
              "GET http://b.example/ HTTP/1.1\r\nHost: a b\r\n\r\n"),
      refuses("AbsoluteFormWithTwoHostFields", "9112 §3.2",
              "GET http://b.example/ HTTP/1.1\r\nHost: a\r\nHost: b.example\r\n\r\n"),
      refuses("AbsoluteFormWithoutHost", "9110 §4.2.1", of("http:///x")),
      refuses("AbsoluteFormWithPortOnly", "9110 §4.2.1", of("http://:80/x")),
      refuses("AbsoluteFormWithUserInfo", "9110 §4.2.4", of("http://user@b.example/")),
      refuses("AbsoluteFormWithBackslash", "9110 §4.2.1", of("http://b.example\\@a.example/")),
      refuses("AbsoluteFormWithBadPort", "9110 §4.2.1", of("http://b.example:x/")),
      refuses("AbsoluteFormWithFragment", "9112 §3.2", of("http://b.example/#x")),
      refuses("AbsoluteFormOfAnotherScheme", "9112 §3.2.2", of("ftp://b.example/")),
      refuses("AbsoluteFormWithOneSlash", "9112 §3.2.2", of("http:/b.example/")),
      passes("AsteriskForm", "9112 §3.2.4", "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      refuses("AsteriskFormOfGet", "9112 §3.2.4", of("*")),
      refuses("AsteriskAndMore", "9112 §3.2.4", "OPTIONS *a HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      refuses("AuthorityForm", "9112 §3.2.3",
              "CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n"),
      refuses("AuthorityFormOfGet", "9112 §3.2.3", of("b.example:443")),
      refuses("ConnectOfAPath", "9112 §3.2.3", "CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
  };
}

}  // namespace weir::test
