#include "proxy/error_request.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace weir::proxy {

namespace {

std::string_view value_of(const RequestHead& head, std::string_view name) {
  const auto found = std::ranges::find_if(
      head.fields, [&](const Field& field) { return equal_ignoring_case(field.name, name); });
  return found == head.fields.end() ? std::string_view{} : found->value;
}

/// Conditions and ranges are about what the client asked for, not about a page of "/".
bool is_about_another_target(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"};
  return std::ranges::any_of(
      kNames, [&](std::string_view other) { return equal_ignoring_case(name, other); });
}

}  // namespace

ErrorContext::ErrorContext(const table::Route& route) {
  const std::string_view origin = route.origin;
  const auto slash = origin.find('/');
  if (slash != std::string_view::npos) {
    ns = origin.substr(0, slash);
    ingress = origin.substr(slash + 1);
  }
  if (route.backends.empty()) return;
  std::string_view backend = route.backends.front().backend;
  backend.remove_prefix(std::min(backend.find('/') + 1, backend.size()));
  const auto colon = backend.find(':');
  service = backend.substr(0, colon);
  if (colon != std::string_view::npos) port = backend.substr(colon + 1);
}

std::vector<FieldEdit> error_fields(int status, const ErrorContext& context,
                                    const RequestParts& parts) {
  return {{"X-Code", std::to_string(status)},
          {"X-Format", std::string(value_of(parts.head, "Accept"))},
          {"X-Original-URI", std::string(parts.head.path)},
          {"X-Namespace", context.ns},
          {"X-Ingress-Name", context.ingress},
          {"X-Service-Name", context.service},
          {"X-Service-Port", context.port}};
}

std::string make_error_request(const std::vector<FieldEdit>& fields, const RequestParts& parts,
                               const Origin& origin, KeptNames names, bool authorization) {
  const auto& head = parts.head;
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{} / HTTP/1.1\r\nHost: {}\r\n", head.method, origin.host);
  // RFC 9110 §8.6: where a body would be expected.
  if (head.method == "POST" || head.method == "PUT" || head.method == "PATCH") {
    text += "Content-Length: 0\r\n";
  }
  for (const auto& field : head.fields) {
    const bool is_told = std::ranges::any_of(
        fields, [&](const FieldEdit& edit) { return equal_ignoring_case(edit.name, field.name); });
    if (is_told || is_about_another_target(field.name) || !goes_without_body(head, field, names)) {
      continue;
    }
    if (!authorization && equal_ignoring_case(field.name, "Authorization")) continue;
    text += field.line;
  }
  for (const auto& field : fields) {
    if (!field.value.empty()) fmt::format_to(out, "{}: {}\r\n", field.name, field.value);
  }
  text += "\r\n";
  return text;
}

}  // namespace weir::proxy
