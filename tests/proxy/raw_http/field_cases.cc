#include "proxy/raw_http/http_case.h"

namespace weir::test {

std::vector<HttpCase> field_cases() {
  return {
      passes("OrderAndCaseStay", "9110 §5.3", get("b: 2\r\nA: 1\r\nB: 3\r\n")),
      passes("ValuesStayAsTheyCame", "9112 §5.1", get("X:y\r\nY: \t two  words \t\r\nZ:\r\n")),
      passes("TabInValue", "9110 §5.5", get("X: a\tb\r\n")),
      passes("BytesAbove7fInValue", "9110 §5.5", get("X: caf\xc3\xa9 \xff\x80\r\n")),
      passes("PunctuationInValue", "9110 §5.5", get("X: ()<>@,;:\\\"/[]?={}\r\n")),
      passes("NameOfOddTokenBytesIsDropped", "nginx", get("!#$%&'*+-.^`|~9z: y\r\nX-Y: 2\r\n"),
             get("X-Y: 2\r\n")),
      passes("UnderscoreIsDropped", "nginx", get("X_Real_IP: 1\r\nX-Y: 2\r\n_: 3\r\na_: 4\r\n"),
             get("X-Y: 2\r\n")),
      passes("UnderscoreFramesNothing", "nginx",
             get("Content_Length: 5\r\nTransfer_Encoding: chunked\r\n"), get()),
      passes("UnderscoreInValueStays", "nginx", get("X: a_b\r\n")),
      passes("CookieLinesStay", "6265 §5.4", get("Cookie: a=b\r\nCookie: c=d\r\n")),
      passes("AuthorizationStays", "9110 §11.6.2", get("Authorization: Basic eA==\r\n")),
      passes("ProxyAuthorizationStays", "9110 §11.7.2", get("Proxy-Authorization: Basic eA==\r\n")),
      passes("ProxyIsDropped", "httpoxy", get("Proxy: http://evil\r\npROXY: x\r\n"), get()),
      passes("ForwardedFieldsAreReplaced", "nginx",
             get("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-host: evil\r\nX-Forwarded-Port: 1\r\n"
                 "X-Forwarded-Proto: https\r\nX-REAL-IP: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n"
                 "X-Scheme: https\r\nx-forwarded-scheme: https\r\n"
                 "X-Original-Forwarded-For: 1\r\nX-Original-Forwarded-Host: a\r\n"),
             get("X-Original-Forwarded-For: 6.6.6.6, 7.7.7.7\r\n"
                 "X-Original-Forwarded-Host: evil\r\n")),
      passes("ViaAndMaxForwardsStay", "9110 §7.6", get("Via: 1.1 a\r\nMax-Forwards: 3\r\n")),
      refuses("SpaceBeforeColon", "9112 §5.1", get("X : y\r\n")),
      refuses("TabBeforeColon", "9112 §5.1", get("X\t: y\r\n")),
      refuses("SpaceBeforeColonOfLength", "9112 §5.1", post("Content-Length : 2\r\n", "ok")),
      refuses("SpaceBeforeColonOfEncoding", "9112 §5.1",
              post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
      refuses("FoldedBySpace", "9112 §5.2", get("X: y\r\n z\r\n")),
      refuses("FoldedByTab", "9112 §5.2", get("X: y\r\n\tz\r\n")),
      refuses("FoldedEmpty", "9112 §5.2", get("X:\r\n y\r\n")),
      refuses("FoldedBlank", "9112 §5.2", get("X: y\r\n \r\n")),
      refuses("FoldedEncoding", "9112 §5.2",
              post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
      refuses("FoldedFirstLine", "9112 §2.2", "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n"),
      refuses("BlankLineThatIsNotEmpty", "9112 §2.2",
              "GET / HTTP/1.1\r\nHost: a.example\r\n \r\n\r\n"),
      refuses("NoColon", "9112 §5", get("Xy\r\n")),
      refuses("EmptyName", "9110 §5.1", get(": y\r\n")),
      refuses("NameOfSpace", "9110 §5.1", get(" : y\r\n")),
      refuses("NameWithSpace", "9110 §5.1", get("X Y: z\r\n")),
      refuses("NameWithBracket", "9110 §5.1", get("X[0]: z\r\n")),
      refuses("NameWithSlash", "9110 §5.1", get("X/Y: z\r\n")),
      refuses("NameWithQuote", "9110 §5.1", get("\"X\": z\r\n")),
      refuses("NameWithAt", "9110 §5.1", get("X@Y: z\r\n")),
      refuses("NameWithParenthesis", "9110 §5.1", get("X(Y): z\r\n")),
      refuses("NameWithByteAbove7f", "9110 §5.1", get("caf\xc3\xa9: z\r\n")),
      refuses("NameWithNul", "9110 §5.1", get(std::string("X\0Y: z\r\n", 8))),
      refuses("NameWithControlByte", "9110 §5.1", get("X\x01: z\r\n")),
      refuses("NameWithDelete", "9110 §5.1", get("X\x7f: z\r\n")),
      refuses("NulInValue", "9110 §5.5", get(std::string("X: a\0b\r\n", 8))),
      refuses("ControlByteInValue", "9110 §5.5", get("X: a\x08z\r\n")),
      refuses("EscapeByteInValue", "9110 §5.5", get("X: \x1b[31m\r\n")),
      refuses("VerticalTabInValue", "9110 §5.5", get("X: a\vb\r\n")),
      refuses("FormFeedFirstInValue", "9110 §5.5", get("X: \fb\r\n")),
      refuses("DeleteInValue", "9110 §5.5", get("X: a\x7fz\r\n")),
      refuses("BareCrInValue", "9112 §2.2", get("X: a\rb\r\n")),
      refuses("BareCrAtTheEnd", "9112 §2.2", get("X: a\r\r\n")),
      refuses("BareCrBeforeName", "9112 §2.2", get("\rX: a\r\n")),
      refuses("BareLfBehindValue", "9112 §2.2", get("X: a\nY: b\r\n")),
      refuses("BareLfAsEmptyLine", "9112 §2.2", "GET / HTTP/1.1\r\nHost: a.example\r\n\n"),
      refuses("CrAloneAsEmptyLine", "9112 §2.2",
              "GET / HTTP/1.1\r\nHost: a.example\r\n\rX: y\r\n\r\n"),
  };
}

}  // namespace weir::test
