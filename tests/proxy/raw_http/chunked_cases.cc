#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

HttpCase takes(std::string name, std::string section, const std::string& body) {
  return passes(std::move(name), std::move(section), chunked(body));
}

HttpCase bad(std::string name, std::string section, const std::string& body) {
  return refuses(std::move(name), std::move(section), chunked(body));
}

}  // namespace

std::vector<HttpCase> chunked_cases() {
  const std::string end = "0\r\n\r\n";
  const std::string long_extension(256, 'a');  // with ';', one byte more than the extension
  return {
      takes("OneChunk", "9112 §7.1", "5\r\nhello\r\n" + end),
      takes("SeveralChunks", "9112 §7.1", "1\r\na\r\n2\r\nbc\r\n" + end),
      takes("SizeInUpperCaseHex", "9112 §7.1", "A\r\n0123456789\r\n" + end),
      takes("SizeInLowerCaseHex", "9112 §7.1", "a\r\n0123456789\r\n" + end),
      takes("SizeWithLeadingZeros", "9112 §7.1", "0005\r\nhello\r\n000\r\n\r\n"),
      takes("DataOfLineEnds", "9112 §7.1", "6\r\n\r\n0\r\n\r\r\n" + end),
      takes("Extension", "9112 §7.1.1", "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
      takes("ExtensionQuoted", "9112 §7.1.1", "5;a=\"b;c\"\r\nhello\r\n" + end),
      takes("ExtensionAtTheBound", "limit", "5;" + long_extension + "\r\nhello\r\n" + end),
      takes("Trailer", "9112 §7.1.2", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Empty:\r\n\r\n"),
      bad("NoSize", "9112 §7.1", "\r\nhello\r\n" + end),
      bad("SizePlus", "9112 §7.1", "+5\r\nhello\r\n" + end),
      bad("SizeMinus", "9112 §7.1", "-5\r\nhello\r\n" + end),
      bad("Size0x", "9112 §7.1", "0x5\r\nhello\r\n" + end),
      bad("SizeSpaceBefore", "9112 §7.1", " 5\r\nhello\r\n" + end),
      bad("SizeSpaceBehind", "9112 §7.1", "5 \r\nhello\r\n" + end),
      bad("SizeTabBehind", "9112 §7.1", "5\t\r\nhello\r\n" + end),
      bad("SizeSpaceInside", "9112 §7.1", "1 0\r\nhello\r\n" + end),
      bad("SizeSpaceBeforeExtension", "9112 §7.1.1", "5 ;a\r\nhello\r\n" + end),
      bad("SizeUnderscore", "9112 §7.1", "1_0\r\nhello\r\n" + end),
      bad("SizeQuoted", "9112 §7.1", "\"5\"\r\nhello\r\n" + end),
      bad("SizeNoHexDigit", "9112 §7.1", "g\r\nhello\r\n" + end),
      bad("SizeByteAbove7f", "9112 §7.1", "\xb5\r\nhello\r\n" + end),
      bad("SizeNul", "9112 §7.1", std::string("5\0\r\nhello\r\n", 11) + end),
      bad("SizeOfTwoTo64AndFive", "9112 §7.1", "10000000000000005\r\nhello\r\n" + end),
      bad("SizeOfTwoTo63", "9112 §7.1", "8000000000000000\r\nhello\r\n" + end),
      bad("SizeOfManyZeros", "9112 §7.1", std::string(64, '0') + "5\r\nhello\r\n" + end),
      bad("SizeEndsInLf", "9112 §7.1", "5\nhello\r\n" + end),
      bad("SizeEndsInCr", "9112 §7.1", "5\rhello\r\n" + end),
      bad("SizeEndsInTwoCrs", "9112 §7.1", "5\r\r\nhello\r\n" + end),
      bad("DataTooLong", "9112 §7.1", "5\r\nhello!\r\n" + end),
      bad("DataTooShort", "9112 §7.1", "5\r\nhell\r\n" + end),
      bad("DataEndsInLf", "9112 §7.1", "5\r\nhello\n" + end),
      bad("DataEndsInCr", "9112 §7.1", "5\r\nhello\r0\r\n\r\n"),
      bad("DataEndsInNothing", "9112 §7.1", "5\r\nhello" + end),
      bad("DataEndsInTwoBytes", "9112 §7.1", "5\r\nhelloXX" + end),
      bad("ExtensionOverTheBound", "limit", "5;" + long_extension + "a\r\nhello\r\n" + end),
      bad("ExtensionWithLf", "9112 §7.1.1", "5;a\nhello\r\n" + end),
      bad("ExtensionWithCr", "9112 §7.1.1", "5;a\rb\r\nhello\r\n" + end),
      bad("ExtensionWithNul", "9112 §7.1.1", std::string("5;\0\r\nhello\r\n", 12) + end),
      bad("ExtensionWithControlByte", "9112 §7.1.1", "5;a\x01\r\nhello\r\n" + end),
      bad("ExtensionWithoutSemicolon", "9112 §7.1.1", "5,a\r\nhello\r\n" + end),
      bad("LastChunkEndsInLf", "9112 §7.1", "0\n\r\n"),
      bad("EmptyLineEndsInLf", "9112 §7.1", "0\r\n\n"),
      bad("EmptyLineEndsInCr", "9112 §7.1", "0\r\n\rX"),
      bad("TrailerWithoutColon", "9112 §7.1.2", "0\r\nX\r\n\r\n"),
      bad("TrailerWithEmptyName", "9112 §7.1.2", "0\r\n: y\r\n\r\n"),
      bad("TrailerWithSpaceBeforeColon", "9112 §7.1.2", "0\r\nX : y\r\n\r\n"),
      bad("TrailerFolded", "9112 §5.2", "0\r\nX: y\r\n z\r\n\r\n"),
      bad("TrailerEndsInLf", "9112 §7.1.2", "0\r\nX: y\n\r\n"),
      bad("TrailerWithBareCr", "9112 §7.1.2", "0\r\nX: y\rz\r\n\r\n"),
      bad("TrailerWithNul", "9112 §7.1.2", std::string("0\r\nX: \0\r\n\r\n", 11)),
      bad("TrailerLength", "9110 §6.5.1", "0\r\nContent-Length: 5\r\n\r\n"),
      bad("TrailerEncoding", "9110 §6.5.1", "0\r\ntransfer-encoding: chunked\r\n\r\n"),
      bad("TrailerHost", "9110 §6.5.1", "0\r\nHOST: b.example\r\n\r\n"),
      bad("TrailerAuthorization", "9110 §6.5.1", "0\r\nAuthorization: x\r\n\r\n"),
      bad("TrailerCookie", "9110 §6.5.1", "0\r\nX: y\r\nCookie: a=b\r\n\r\n"),
      bad("TrailerContentType", "9110 §6.5.1", "0\r\nContent-Type: a/b\r\n\r\n"),
      bad("TrailerForwardedFor", "weir", "0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"),
      bad("TrailerForwardedProto", "weir", "0\r\nx-forwarded-proto: https\r\n\r\n"),
      bad("TrailerScheme", "weir", "0\r\nX-Scheme: https\r\n\r\n"),
      bad("TrailerOriginal", "weir", "0\r\nX-Original-Forwarded-For: 6.6.6.6\r\n\r\n"),
      bad("TrailerRealIp", "weir", "0\r\nX-Real-IP: 6.6.6.6\r\n\r\n"),
      bad("TrailersOverTheBound", "limit", "0\r\nX: " + std::string(8 * 1024, 'a') + "\r\n\r\n"),
  };
}

}  // namespace weir::test
