#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

std::string with_host(const std::string& value) {
  return "GET / HTTP/1.1\r\nHost: " + value + "\r\n\r\n";
}

HttpCase passes_host(std::string name, std::string section, const std::string& value) {
  return passes(std::move(name), std::move(section), with_host(value)).with_host(value);
}

}  // namespace

std::vector<HttpCase> host_cases() {
  // Every name leads to the backend, but for "gone.example", which leads nowhere (404): so a case
  // shows by which name it was routed.
  return {
      passes_host("Name", "9110 §7.2", "name.example"),
      passes_host("NameWithPort", "9110 §7.2", "name.example:8080"),
      passes_host("NameWithEmptyPort", "3986 §3.2.3", "name.example:"),
      passes_host("UpperCaseIsForwardedAsItCame", "nginx", "HERE.Example"),
      passes_host("TrailingDotIsForwardedAsItCame", "nginx", "name.example."),
      passes_host("TrailingDotAndPort", "nginx", "name.example.:80"),
      passes_host("Underscore", "nginx", "a_b.example"),
      passes_host("Ipv4", "3986 §3.2.2", "127.0.0.1:80"),
      passes_host("Ipv6", "3986 §3.2.2", "[::1]:80"),
      refuses("UpperCaseNameIsTheSameName", "nginx", with_host("GONE.Example"), 404).kept(),
      refuses("TrailingDotNameIsTheSameName", "nginx", with_host("gone.example."), 404).kept(),
      refuses("NameWithPortIsTheSameName", "nginx", with_host("gone.example:1234"), 404).kept(),
      passes("FieldNameInAnyCase", "9110 §5.1", "GET / HTTP/1.1\r\nhOsT: a.example\r\n\r\n"),
      passes("SpacesAroundItAreCut", "9112 §5.1", "GET / HTTP/1.1\r\nHost: \t a.example \t\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      passes("NoSpaceBeforeIt", "9112 §5.1", "GET / HTTP/1.1\r\nX: y\r\nHost:a.example\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n"),
      passes("NoneInHttp10", "9112 §3.2", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
             "GET / HTTP/1.1\r\nHost: \r\n\r\n")
          .with_host("")
          .answered(kAnswer,
                    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"),
      refuses("None", "9112 §3.2", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
      refuses("Empty", "9112 §3.2", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
      refuses("OnlySpaces", "9112 §3.2", "GET / HTTP/1.1\r\nHost: \t \r\n\r\n"),
      refuses("Two", "9112 §3.2", get("Host: b.example\r\n")),
      refuses("TwoAlike", "9112 §3.2", get("Host: a.example\r\n")),
      refuses("TwoApart", "9112 §3.2", get("X: y\r\nhost: a.example\r\n")),
      refuses("TwoInHttp10", "9112 §3.2",
              "GET / HTTP/1.0\r\nHost: a.example\r\nHost: b.example\r\n\r\n"),
      refuses("BadInHttp10", "9112 §3.2", "GET / HTTP/1.0\r\nHost: a/b\r\n\r\n"),
      refuses("List", "9112 §3.2", with_host("a.example, b.example")),
      refuses("WithSpace", "9112 §3.2", with_host("a.example b.example")),
      refuses("WithUserInfo", "9112 §3.2", with_host("user@a.example")),
      refuses("WithPath", "9112 §3.2", with_host("a.example/b")),
      refuses("WithQuery", "9112 §3.2", with_host("a.example?b")),
      refuses("WithFragment", "9112 §3.2", with_host("a.example#b")),
      refuses("WithScheme", "9112 §3.2", with_host("http://a.example")),
      refuses("WithBackslash", "9112 §3.2", with_host("a.example\\b")),
      refuses("WithEscape", "nginx", with_host("a%2eexample")),
      refuses("WithByteAbove7f", "nginx", with_host("caf\xc3\xa9.example")),
      refuses("WithNul", "9110 §5.5", with_host(std::string("a\0b", 3))),
      refuses("WithTab", "9112 §3.2", with_host("a\tb")),
      refuses("PortOfLetters", "3986 §3.2.3", with_host("a.example:http")),
      refuses("PortWithSign", "3986 §3.2.3", with_host("a.example:+80")),
      refuses("PortOfSixDigits", "3986 §3.2.3", with_host("a.example:123456")),
      refuses("TwoPorts", "3986 §3.2.3", with_host("a.example:80:80")),
      refuses("PortAlone", "9110 §4.2.1", with_host(":80")),
      refuses("DotAlone", "nginx", with_host(".")),
      refuses("LeadingDot", "nginx", with_host(".a.example")),
      refuses("TwoDots", "nginx", with_host("a..example")),
      refuses("TwoTrailingDots", "nginx", with_host("a.example..")),
      refuses("Wildcard", "nginx", with_host("*.a.example")),
      refuses("Ipv6WithoutBrackets", "3986 §3.2.2", with_host("::1")),
      refuses("Ipv6NotClosed", "3986 §3.2.2", with_host("[::1")),
      refuses("Ipv6AndMore", "3986 §3.2.2", with_host("[::1].example")),
      refuses("Ipv6OfOtherBytes", "3986 §3.2.2", with_host("[::g]")),
      refuses("TooLong", "1035 §2.3.4", with_host(std::string(256, 'a'))),
  };
}

}  // namespace weir::test
