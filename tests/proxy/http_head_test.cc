#include "proxy/http_head.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

HeadError parse(std::string_view bytes, RequestHead& head) {
  return parse_request_head(bytes, Limits{}, head);
}

HeadError parse(std::string_view bytes) {
  RequestHead head;
  return parse(bytes, head);
}

struct BadCase {
  const char* name;
  std::string bytes;
  HeadError error = HeadError::Malformed;
};

class BadRequestHead : public testing::TestWithParam<BadCase> {};

TEST_P(BadRequestHead, IsRefused) {
  EXPECT_EQ(parse(GetParam().bytes), GetParam().error);
}

std::string with(const std::string& lines) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    Rfc9112, BadRequestHead,
    testing::Values(
        BadCase{"NoHost", "GET / HTTP/1.1\r\n\r\n"}, BadCase{"TwoHosts", with("Host: b\r\n")},
        BadCase{"SpaceBeforeColon", with("X : y\r\n")}, BadCase{"EmptyName", with(": y\r\n")},
        BadCase{"NameWithBracket", with("a[b: y\r\n")},
        BadCase{"FoldedLine", with("X: y\r\n z\r\n")},
        BadCase{"FoldedFirstLine", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        BadCase{"ControlByteInValue", with("X: a\x01z\r\n")},
        BadCase{"BareCarriageReturn", with("X: a\rb\r\n")},
        BadCase{"DeleteByte", with("X: a\x7f\r\n")},
        BadCase{"NulByte", with(std::string("X: a\0b\r\n", 8))},
        BadCase{"LengthTwice", with("Content-Length: 1\r\nContent-Length: 1\r\n")},
        BadCase{"LengthList", with("Content-Length: 1, 1\r\n")},
        BadCase{"LengthSigned", with("Content-Length: +1\r\n")},
        BadCase{"LengthNegative", with("Content-Length: -1\r\n")},
        BadCase{"LengthHex", with("Content-Length: 0x1\r\n")},
        BadCase{"LengthEmpty", with("Content-Length: \r\n")},
        BadCase{"LengthHuge", with("Content-Length: 99999999999999999999\r\n")},
        BadCase{"LengthAndChunked", with("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n")},
        BadCase{"ChunkedAndLength", with("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n")},
        BadCase{"EncodingTwice",
                with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
        BadCase{"EncodingNotChunked", with("Transfer-Encoding: gzip\r\n")},
        BadCase{"EncodingChunkedFirst", with("Transfer-Encoding: chunked, gzip\r\n")},
        BadCase{"EncodingSpelledWrong", with("Transfer-Encoding: xchunked\r\n")},
        BadCase{"EncodingInHttp10",
                "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
        BadCase{"TwoSpacesInRequestLine", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"TabInRequestLine", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"NoVersion", "GET /\r\nHost: a\r\n\r\n"},
        BadCase{"MethodWithSlash", "GE/T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"AuthorityForm", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"AsteriskWithGet", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"OtherScheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"UserInfo", "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"LowerCaseHttp", "GET / http/1.1\r\nHost: a\r\n\r\n"},
        BadCase{"Version20", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", HeadError::Version},
        BadCase{"Version09", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", HeadError::Version},
        BadCase{"LongTarget", "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n",
                HeadError::UriTooLong}),
    [](const auto& test) { return test.param.name; });

TEST(RequestHead, ViewsPointIntoTheBytes) {
  const std::string bytes =
      "POST /a?b HTTP/1.1\r\nHost: Shop.Example:8080\r\nX-One:  two \r\nContent-Length: 12\r\n\r\n";
  RequestHead head;

  ASSERT_EQ(parse(bytes, head), HeadError::None);

  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.path, "/a?b");
  EXPECT_EQ(head.host, "Shop.Example:8080");
  EXPECT_EQ(head.framing.kind, Framing::Kind::Length);
  EXPECT_EQ(head.framing.length, 12U);
  ASSERT_EQ(head.fields.size(), 3U);
  EXPECT_EQ(head.fields[1].value, "two");
  EXPECT_EQ(head.fields[1].line, "X-One:  two \r\n");
  EXPECT_EQ(head.fields[1].line.data(), bytes.data() + bytes.find("X-One"));
}

TEST(RequestHead, AbsoluteFormReplacesTheHostField) {
  RequestHead head;
  ASSERT_EQ(parse("GET http://b.example/x?y HTTP/1.1\r\nHost: a\r\n\r\n", head), HeadError::None);
  EXPECT_EQ(head.host, "b.example");
  EXPECT_EQ(head.path, "/x?y");
}

TEST(RequestHead, TooManyFieldsAreRefused) {
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += "X: y\r\n";
  EXPECT_EQ(parse(with(lines)), HeadError::TooManyFields);
}

TEST(RequestHead, ConnectionNamesFieldsThatStayHere) {
  RequestHead head;
  ASSERT_EQ(parse(with("Connection: close, X-Secret, Host\r\nX-Secret: 1\r\n"), head),
            HeadError::None);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_TRUE(head.fields[2].hop_by_hop);
  EXPECT_FALSE(head.fields[0].hop_by_hop) << "Host is routing, whatever Connection says";
}

TEST(RequestHead, KeepAliveByVersion) {
  RequestHead head;
  ASSERT_EQ(parse("GET / HTTP/1.0\r\n\r\n", head), HeadError::None);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", head), HeadError::None);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_EQ(parse(with(""), head), HeadError::None);
  EXPECT_TRUE(head.keep_alive);
}

TEST(ResponseHead, BodyFollowsStatusAndMethod) {
  const auto framing = [](const char* bytes, const char* method) {
    ResponseHead head;
    EXPECT_EQ(parse_response_head(bytes, method, Limits{}, head), HeadError::None) << bytes;
    return head.framing.kind;
  };
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\n\r\n", "GET"), Framing::Kind::UntilClose);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"), Framing::Kind::None);
  EXPECT_EQ(framing("HTTP/1.1 204 No\r\n\r\n", "GET"), Framing::Kind::None);
  EXPECT_EQ(framing("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", "GET"), Framing::Kind::None);
  EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET"),
            Framing::Kind::Chunked);
}

TEST(ResponseHead, AmbiguousFramingIsRefused) {
  for (const char* bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 103 Early\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 99 No\r\n\r\n",
        "HTTP/1.1 700 No\r\n\r\n", "HTTP/1.1 200 OK\x01\r\n\r\n", "ICY 200 OK\r\n\r\n"}) {
    ResponseHead head;
    EXPECT_EQ(parse_response_head(bytes, "GET", Limits{}, head) == HeadError::None, false) << bytes;
  }
}

TEST(HeadScanner, FindsTheEndAcrossCalls) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
  HeadScanner scanner;
  for (std::size_t size = 1; size < 27; ++size) {
    ASSERT_EQ(scanner.scan(std::string_view(bytes).substr(0, size)), HeadScanner::State::Incomplete)
        << size;
  }
  EXPECT_EQ(scanner.scan(bytes), HeadScanner::State::Complete);
  EXPECT_EQ(scanner.length(), 27U);
}

TEST(HeadScanner, RefusesLinesWithoutCarriageReturn) {
  EXPECT_EQ(HeadScanner().scan("GET / HTTP/1.1\nHost: a\n\n"), HeadScanner::State::Malformed);
  EXPECT_EQ(HeadScanner().scan("GET / HTTP/1.1\r\n\n"), HeadScanner::State::Malformed);
}

}  // namespace
}  // namespace weir::proxy
