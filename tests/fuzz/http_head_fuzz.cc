#include "fuzz/check.h"
#include "fuzz/http_oracle.h"
#include "proxy/forward_head.h"
#include "proxy/http_head.h"
#include "proxy/target.h"

namespace {

using namespace weir::proxy;
using weir::fuzz::check;
using weir::fuzz::naive_head;
using weir::fuzz::NaiveHead;

/// Room for the lines that weir adds.
Limits wide_limits() {
  Limits limits;
  limits.head_fields = 4096;
  limits.uri_bytes = 1024 * 1024;
  return limits;
}

NaiveHead::Framing naive(Framing::Kind kind) {
  switch (kind) {
    case Framing::Kind::None:
      return NaiveHead::Framing::None;
    case Framing::Kind::Length:
      return NaiveHead::Framing::Length;
    case Framing::Kind::Chunked:
      return NaiveHead::Framing::Chunked;
    case Framing::Kind::UntilClose:
      return NaiveHead::Framing::UntilClose;
  }
  return NaiveHead::Framing::None;
}

std::string joined(const Gather& gather) {
  return gather.rest_after(0);
}

/// The head as the scanner cuts it off, the same for every way that its bytes come.
std::string_view cut_head(std::string_view bytes) {
  HeadScanner whole;
  const auto state = whole.scan(bytes);
  HeadScanner stepwise;
  auto last = HeadScanner::State::Incomplete;
  for (std::size_t size = 1; size <= bytes.size() && last == HeadScanner::State::Incomplete;
       ++size) {
    last = stepwise.scan(bytes.substr(0, size));
  }
  check(state == last, "the scanner finds the same end byte by byte");
  if (state != HeadScanner::State::Complete) return {};
  check(whole.length() == stepwise.length(), "the head has the same length byte by byte");
  return bytes.substr(0, whole.length());
}

void compare(const MessageHead& head, const std::optional<NaiveHead>& second) {
  check(second.has_value(), "the oracle takes what weir takes");
  check(head.version == second->version, "same version");
  check(head.fields.size() == second->fields.size(), "as many fields");
  for (std::size_t i = 0; i < head.fields.size(); ++i) {
    check(head.fields[i].name == second->fields[i].first, "same name");
    check(head.fields[i].value == second->fields[i].second, "same value");
  }
  check(naive(head.framing.kind) == second->framing, "same framing");
  if (head.framing.kind == Framing::Kind::Length) {
    check(head.framing.length == second->length, "same length");
  }
}

void check_path(std::string_view target) {
  std::string storage;
  const auto path = normalize_path(target, storage);
  if (!path) return;
  check(path->starts_with('/'), "a path begins with a slash");
  for (const std::string_view never : {"//", "/./", "/../"}) {
    check(path->find(never) == std::string_view::npos, "a path has no segment left to resolve");
  }
  check(!path->ends_with("/.") && !path->ends_with("/.."), "nor at its end");
}

void try_request(std::string_view bytes) {
  RequestHead head;
  if (parse_request_head(bytes, wide_limits(), head) != HeadError::None) return;
  const auto second = naive_head(bytes, /*request=*/true, /*no_body=*/false);
  compare(head, second);
  check(head.method == second->first, "same method");
  check(head.target == second->second, "same target");
  check_path(head.path);

  Origin origin;
  origin.client = origin.forwarded_for = "192.0.2.1";
  origin.scheme = "https";
  origin.host = head.host;
  origin.port = 443;
  const Forwarded forwarded{origin};
  std::string text;
  Gather gather;
  gather_request(head, forwarded, {}, text, gather);
  const auto sent = joined(gather);
  RequestHead again;
  check(parse_request_head(sent, wide_limits(), again) == HeadError::None, "weir takes its own");
  compare(again, naive_head(sent, true, false));
  check(again.method == head.method && again.host == head.host, "same method and host go on");
  check(again.framing.kind == head.framing.kind && again.framing.length == head.framing.length,
        "same framing goes on");
  origin.host = again.host;
  gather_request(again, forwarded, {}, text, gather);
  check(joined(gather) == sent, "what was forwarded once is forwarded as it is");
}

void try_response(std::string_view bytes, bool to_head_request) {
  const auto* method = to_head_request ? "HEAD" : "GET";
  ResponseHead head;
  if (parse_response_head(bytes, method, wide_limits(), head) != HeadError::None) return;
  const auto second = naive_head(bytes, /*request=*/false, to_head_request);
  compare(head, second);
  check(std::to_string(head.status) == second->second, "same status");

  for (const int version : {10, 11}) {
    ResponseEdit edit;
    edit.client_version = version;
    edit.keep_alive = false;
    std::string text;
    Gather gather;
    gather_response(head, edit, text, gather);
    const auto sent = joined(gather);
    ResponseHead again;
    check(parse_response_head(sent, method, wide_limits(), again) == HeadError::None,
          "weir takes its own");
    compare(again, naive_head(sent, false, to_head_request));
    const bool unchunked = version == 10 && head.framing.kind == Framing::Kind::Chunked;
    check(again.framing.kind == (unchunked ? Framing::Kind::UntilClose : head.framing.kind),
          "same framing goes on");
    gather_response(again, edit, text, gather);
    check(joined(gather) == sent, "what was passed on once is passed on as it is");
  }
}

}  // namespace

/// The first byte chooses: a request, a response, or a response to HEAD. The rest is the head.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // A copy of its own size: reading past it is seen.
  const std::vector<char> copy(data + 1, data + size);
  const auto bytes = cut_head({copy.data(), copy.size()});
  if (bytes.empty()) return 0;
  switch (data[0] % 3) {
    case 0:
      try_request(bytes);
      break;
    case 1:
      try_response(bytes, false);
      break;
    default:
      try_response(bytes, true);
  }
  return 0;
}
