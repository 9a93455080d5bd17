#include "proxy/raw_http/http_case.h"

namespace weir::test {

namespace {

std::string target_of(std::size_t size) {
  return "/" + std::string(size - 1, 'a');
}

/// Fields, the Host among them.
std::string fields(std::size_t count) {
  std::string lines;
  for (std::size_t i = 1; i < count; ++i) lines += "X: y\r\n";
  return get(lines);
}

/// A head of that many bytes.
std::string head_of(std::size_t size) {
  return get("X: " + std::string(size - get("X: \r\n").size(), 'a') + "\r\n");
}

std::string body_of(std::size_t size) {
  return post("Content-Length: " + std::to_string(size) + "\r\n", std::string(size, 'a'));
}

std::string response_head_of(std::size_t size) {
  const std::string rest = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: \r\n\r\n";
  return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + std::string(size - rest.size(), 'a') +
         "\r\n\r\nok";
}

std::string response_fields(std::size_t count) {
  std::string lines;
  for (std::size_t i = 1; i < count; ++i) lines += "X: y\r\n";
  return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + "\r\nok";
}

/// Chunks of ten bytes.
std::string chunks_of(std::size_t size) {
  std::string body;
  for (std::size_t i = 0; i < size / 10; ++i) body += "a;x=y\r\n0123456789\r\n";
  if (size % 10 != 0)
    body += std::to_string(size % 10) + "\r\n" + std::string(size % 10, 'a') + "\r\n";
  return post("Transfer-Encoding: chunked\r\n", body + "0\r\n\r\n");
}

}  // namespace

std::vector<HttpCase> limit_cases() {
  return {
      passes("TargetAtTheLimit", "9112 §3", of(target_of(kUriLimit))),
      passes("TargetAtTheLimitOfALongMethod", "9112 §3",
             std::string(300, 'M') + " " + target_of(kUriLimit) +
                 " HTTP/1.1\r\nHost: a.example\r\n\r\n"),
      refuses("TargetOverTheLimit", "9112 §3", of(target_of(kUriLimit + 1)), 414),
      refuses("TargetFarOverTheLimit", "9112 §3", of(target_of(2 * kUriLimit)), 414),
      refuses("AbsoluteTargetOverTheLimit", "9112 §3",
              of("http://a.example" + target_of(kUriLimit - 15)), 414),
      passes("HeadAtTheLimit", "6585 §5", head_of(kHeadLimit)),
      refuses("HeadOverTheLimit", "6585 §5", head_of(kHeadLimit + 1), 431),
      refuses("HeadFarOverTheLimit", "6585 §5", head_of(8 * kHeadLimit), 431),
      refuses("MethodFarOverTheLimit", "6585 §5", std::string(2 * kHeadLimit, 'M') + " /\r\n\r\n",
              431),
      passes("FieldsAtTheLimit", "6585 §5", fields(kFieldLimit)),
      refuses("FieldsOverTheLimit", "6585 §5", fields(kFieldLimit + 1), 431),
      passes("BodyAtTheLimit", "9110 §15.5.14", body_of(kBodyLimit)),
      refuses("BodyOverTheLimit", "9110 §15.5.14", body_of(kBodyLimit + 1), 413),
      refuses("BodyFarOverTheLimit", "9110 §15.5.14",
              post("Content-Length: 999999999999999999\r\n", ""), 413),
      passes("ChunksAtTheLimit", "9110 §15.5.14", chunks_of(kBodyLimit)),
      refuses("ChunksOverTheLimit", "9110 §15.5.14", chunks_of(kBodyLimit + 1), 413),
      refuses("ChunksFarOverTheLimit", "9110 §15.5.14", chunks_of(5 * kBodyLimit), 413),
      refuses("ABodyThatWasAskedForByExpect", "9110 §10.1.1",
              post("Expect: 100-continue\r\nContent-Length: 101\r\n", ""), 413),
      answers("ResponseHeadAtTheLimit", "limit", response_head_of(kResponseHeadLimit)),
      bad_response("ResponseHeadOverTheLimit", "limit", response_head_of(kResponseHeadLimit + 1)),
      answers("ResponseFieldsAtTheLimit", "limit", response_fields(kFieldLimit)),
      bad_response("ResponseFieldsOverTheLimit", "limit", response_fields(kFieldLimit + 1)),
  };
}

}  // namespace weir::test
