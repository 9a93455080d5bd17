#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

HttpCase bad_length(std::string name, const std::string& value) {
  return refuses(std::move(name), "9110 §8.6", post("Content-Length:" + value + "\r\n", "ok"));
}

HttpCase bad_encoding(std::string name, const std::string& value) {
  return refuses(std::move(name), "9112 §6.1",
                 post("Transfer-Encoding:" + value + "\r\n", "0\r\n\r\n"));
}

std::string with_method(const std::string& method) {
  return method + " / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi";
}

}  // namespace

std::vector<HttpCase> framing_cases() {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  return {
      passes("Length", "9112 §6.2", post("Content-Length: 5\r\n", "hello")),
      passes("LengthZero", "9112 §6.2", post("Content-Length: 0\r\n", "")),
      passes("LengthWithLeadingZeros", "9110 §8.6", post("Content-Length: 005\r\n", "hello")),
      passes("LengthSpacedOddly", "9112 §5.1", post("X: y\r\ncontent-length:\t 5 \r\n", "hello"),
             "POST / HTTP/1.1\r\ncontent-length: 5\r\nHost: a.example\r\nX: y\r\n\r\nhello"),
      passes("NoBody", "9112 §6.3", post("", "")),
      passes("BodyOfGet", "9110 §9.3.1", with_method("GET")),
      passes("BodyOfDelete", "9110 §9.3.5", with_method("DELETE")),
      passes("BodyOfOptions", "9110 §9.3.7", with_method("OPTIONS")),
      passes("BodyOfUnknownMethod", "9110 §9.1", with_method("BREW")),
      passes("BodyOfPatch", "5789 §2", with_method("PATCH")),
      passes("BodyThatLooksLikeARequest", "9112 §6.3", post("Content-Length: 35\r\n", get())),
      passes("BodyOfAnyBytes", "9112 §6.2",
             post("Content-Length: 6\r\n", std::string("\0\r\n\n\xff\r", 6))),
      passes("BodyInHttp10", "9112 §6.2",
             "POST / HTTP/1.0\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi",
             post("Content-Length: 2\r\n", "hi"))
          .closed()
          .answered(kAnswer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
      passes("Chunked", "9112 §7.1", post(chunked, "2\r\nhi\r\n0\r\n\r\n")),
      passes("ChunkedInAnyCase", "9112 §7", post("transfer-ENCODING: ChUnKeD\r\n", "0\r\n\r\n")),
      passes("ChunkedSpacedOddly", "9112 §5.1",
             post("X: y\r\nTransfer-Encoding:\tchunked \r\n", "0\r\n\r\n"),
             "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a.example\r\nX: y\r\n\r\n"
             "0\r\n\r\n"),
      passes("ChunkedBodyOfGet", "9112 §6.3", get(chunked) + "2\r\nhi\r\n0\r\n\r\n"),
      passes("ContentEncodingFramesNothing", "9110 §8.4",
             post("Content-Encoding: chunked\r\nContent-Length: 2\r\n", "ok")),

      refuses("LengthTwice", "9112 §6.3",
              post("Content-Length: 2\r\nContent-Length: 3\r\n", "abc")),
      refuses("LengthTwiceAlike", "9112 §6.3",
              post("Content-Length: 2\r\ncontent-length: 2\r\n", "ok")),
      bad_length("LengthList", " 2, 2"),
      bad_length("LengthListOfTwo", " 2,3"),
      bad_length("LengthPlus", " +2"),
      bad_length("LengthMinus", " -2"),
      bad_length("LengthMinusZero", " -0"),
      bad_length("LengthHex", " 0x2"),
      bad_length("LengthHexDigits", " a"),
      bad_length("LengthEmpty", ""),
      bad_length("LengthOfSpaces", "  \t"),
      bad_length("LengthSpaceInside", " 2 2"),
      bad_length("LengthFraction", " 2.0"),
      bad_length("LengthExponent", " 2e0"),
      bad_length("LengthQuoted", " \"2\""),
      bad_length("LengthWithUnit", " 2b"),
      bad_length("LengthWithUnderscore", " 1_0"),
      bad_length("LengthOfWord", " two"),
      bad_length("LengthOfTwoTo64", " 18446744073709551616"),
      bad_length("LengthOfTwoTo64AndTwo", " 18446744073709551618"),
      bad_length("LengthOfTwoTo63", " 9223372036854775808"),
      bad_length("LengthOf19Digits", " 0000000000000000002"),
      bad_length("LengthOfFullWidthDigits", " \xef\xbc\x92"),
      refuses("LengthAndChunked", "9112 §6.1",
              post("Content-Length: 5\r\n" + chunked, "0\r\n\r\n")),
      refuses("ChunkedAndLength", "9112 §6.1",
              post(chunked + "Content-Length: 5\r\n", "0\r\n\r\n")),
      refuses("ChunkedAndLengthZero", "9112 §6.1",
              post(chunked + "Content-Length: 0\r\n", "0\r\n\r\n")),
      refuses("ChunkedTwice", "9112 §6.1", post(chunked + chunked, "0\r\n\r\n")),
      refuses("ChunkedAndIdentity", "9112 §6.1",
              post(chunked + "Transfer-Encoding: identity\r\n", "0\r\n\r\n")),
      refuses("ChunkedInHttp10", "9112 §6.1",
              "POST / HTTP/1.0\r\nHost: a.example\r\n" + chunked + "\r\n0\r\n\r\n"),
      bad_encoding("EncodingEmpty", ""),
      bad_encoding("EncodingIdentity", " identity"),
      bad_encoding("EncodingGzip", " gzip"),
      bad_encoding("EncodingGzipAndChunked", " gzip, chunked"),
      bad_encoding("EncodingChunkedAndGzip", " chunked, gzip"),
      bad_encoding("EncodingChunkedAndChunked", " chunked, chunked"),
      bad_encoding("EncodingChunkedAndIdentity", " chunked, identity"),
      bad_encoding("EncodingXChunked", " xchunked"),
      bad_encoding("EncodingChunkedX", " chunkedx"),
      bad_encoding("EncodingWithParameter", " chunked;q=1"),
      bad_encoding("EncodingQuoted", " \"chunked\""),
      bad_encoding("EncodingWithComma", " chunked,"),
      bad_encoding("EncodingWithCommaFirst", " ,chunked"),
      bad_encoding("EncodingSpaceInside", " chun ked"),
      bad_encoding("EncodingWithVerticalTab", " \vchunked"),
      bad_encoding("EncodingWithNbsp",
                   " \xa0"
                   "chunked"),
      bad_encoding("EncodingWithNul", std::string(" chunked\0", 9)),
  };
}

}  // namespace weir::test
