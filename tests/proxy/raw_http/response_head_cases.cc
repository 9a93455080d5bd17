#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

std::string with(const std::string& lines) {
  return "HTTP/1.1 200 OK\r\n" + lines + "Content-Length: 2\r\n\r\nok";
}

std::string status_line(const std::string& line) {
  return line + "\r\nContent-Length: 2\r\n\r\nok";
}

}  // namespace

std::vector<HttpCase> response_head_cases() {
  return {
      answers("FieldsStayAsTheyCame", "9110 §5.3",
              with("b: 2\r\nA:1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n")),
      answers("UnderscoreStays", "9110 §5.1", with("X_Y: 1\r\n")),
      answers("BytesAbove7fInValue", "9110 §5.5", with("X: caf\xc3\xa9 \xff\r\n")),
      answers("EmptyReason", "9112 §4", status_line("HTTP/1.1 200 ")),
      answers("LongReason", "9112 §4", status_line("HTTP/1.1 200 Fine, thanks; and you?")),
      answers("ReasonOfBytesAbove7f", "9112 §4", status_line("HTTP/1.1 200 \xc3\xa9")),
      answers("UnknownStatus", "9110 §15", status_line("HTTP/1.1 299 Odd")),
      answers("StatusAtTheEnd", "9110 §15", status_line("HTTP/1.1 599 Odd")),
      answers("EmptyHttp10Reason", "9112 §4", status_line("HTTP/1.0 404 "),
              status_line("HTTP/1.1 404 "))
          .pooled(HttpCase::Pool::Fresh),
      bad_response("NoSpaceBehindStatus", "9112 §4", status_line("HTTP/1.1 200")),
      bad_response("StatusBelow100", "9110 §15", status_line("HTTP/1.1 099 No")),
      bad_response("StatusZero", "9110 §15", status_line("HTTP/1.1 000 No")),
      bad_response("Status600", "9110 §15", status_line("HTTP/1.1 600 No")),
      bad_response("Status999", "9110 §15", status_line("HTTP/1.1 999 No")),
      bad_response("StatusOfTwoDigits", "9112 §4", status_line("HTTP/1.1 20 OK")),
      bad_response("StatusOfFourDigits", "9112 §4", status_line("HTTP/1.1 2000 OK")),
      bad_response("StatusWithSign", "9112 §4", status_line("HTTP/1.1 +20 OK")),
      bad_response("StatusOfLetters", "9112 §4", status_line("HTTP/1.1 2xx OK")),
      bad_response("NoStatus", "9112 §4", status_line("HTTP/1.1 OK")),
      bad_response("TwoSpacesBeforeStatus", "9112 §4", status_line("HTTP/1.1  200 OK")),
      bad_response("TabInsteadOfSpace", "9112 §4", status_line("HTTP/1.1\t200 OK")),
      bad_response("SpaceBeforeVersion", "9112 §4", status_line(" HTTP/1.1 200 OK")),
      bad_response("LowerCaseVersion", "9112 §2.3", status_line("http/1.1 200 OK")),
      bad_response("Version20", "9112 §2.3", status_line("HTTP/2.0 200 OK")),
      bad_response("Version12", "9112 §2.3", status_line("HTTP/1.2 200 OK")),
      bad_response("VersionCutShort", "9112 §2.3", status_line("HTTP/1 200 OK")),
      bad_response("OtherProtocol", "9112 §2.3", status_line("ICY 200 OK")),
      bad_response("NoStatusLine", "9112 §2.1", "Content-Length: 2\r\n\r\nok"),
      bad_response("BodyOnly", "9112 §2.1", "<html>hello</html>\r\n\r\n"),
      bad_response("EmptyLineBeforeIt", "9112 §2.2", "\r\n" + kAnswer),
      bad_response("ControlByteInReason", "9112 §4", status_line("HTTP/1.1 200 O\x01K")),
      bad_response("BareCrInReason", "9112 §2.2", status_line("HTTP/1.1 200 O\rK")),
      bad_response("BareLfBehindStatusLine", "9112 §2.2",
                   "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"),
      bad_response("OnlyBareLfs", "9112 §2.2", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
      bad_response("BareLfBehindField", "9112 §2.2", with("X: y\nZ: 1\r\n")),
      bad_response("BareCrInValue", "9112 §2.2", with("X: y\rz\r\n")),
      bad_response("NulInValue", "9110 §5.5", with(std::string("X: a\0b\r\n", 8))),
      bad_response("ControlByteInValue", "9110 §5.5", with("X: a\x02z\r\n")),
      bad_response("Folded", "9112 §5.2", with("X: y\r\n z\r\n")),
      bad_response("FoldedFirstLine", "9112 §2.2", with(" X: y\r\n")),
      bad_response("SpaceBeforeColon", "9112 §5.1", with("X : y\r\n")),
      bad_response("EmptyName", "9110 §5.1", with(": y\r\n")),
      bad_response("NameWithSpace", "9110 §5.1", with("X Y: z\r\n")),
      bad_response("NameWithByteAbove7f", "9110 §5.1", with("\xc3\xa9: z\r\n")),
      bad_response("NoColon", "9112 §5", with("Xy\r\n")),
  };
}

}  // namespace weir::test
