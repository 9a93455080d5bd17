#include "proxy/external_auth.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace weir::proxy {

namespace {

/// The request to the service has no body, and is not an upgrade.
bool goes_to_service(const Field& field) {
  switch (field.id) {
    case FieldName::Host:
    case FieldName::ContentLength:
    case FieldName::TransferEncoding:
    case FieldName::Expect:
    case FieldName::SecWebSocketExtensions:
    case FieldName::SecWebSocketKey:
    case FieldName::SecWebSocketProtocol:
    case FieldName::SecWebSocketVersion:
      return false;
    default:
      return true;
  }
}

std::string values_of(const ResponseHead& head, std::string_view name) {
  std::string values;
  for (const auto& field : head.fields) {
    if (!equal_ignoring_case(field.name, name)) continue;
    if (!values.empty()) values += ", ";
    values += field.value;
  }
  return values;
}

std::string lines_of(const ResponseHead& head, std::string_view name) {
  std::string lines;
  for (const auto& field : head.fields) {
    if (equal_ignoring_case(field.name, name)) lines += field.line;
  }
  return lines;
}

bool has_argument(std::string_view url, std::string_view name) {
  return !find_argument(url, name).empty();
}

}  // namespace

std::string make_auth_request(const table::ExternalAuth& auth, std::string_view target,
                              const RequestParts& parts, const Origin& origin,
                              bool keep_underscores) {
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{} {} HTTP/1.1\r\nHost: {}\r\n", auth.method, target,
                 auth.host.empty() ? origin.host : std::string_view(auth.host));
  for (const auto& field : parts.head.fields) {
    if (goes_to_backend(parts.head, field, keep_underscores) && goes_to_service(field)) {
      text += field.line;
    }
  }
  const auto uri = parts.head.path;
  fmt::format_to(out,
                 "X-Original-URL: {}://{}{}\r\nX-Original-Method: {}\r\n"
                 "X-Sent-From: nginx-ingress-controller\r\nX-Real-IP: {}\r\n"
                 "X-Forwarded-For: {}\r\n",
                 origin.scheme, origin.host, uri, parts.head.method, origin.client,
                 origin.forwarded_for);
  if (auth.redirect.empty()) {
    fmt::format_to(out, "X-Auth-Request-Redirect: {}\r\n", uri);
  } else {
    fmt::format_to(out, "X-Auth-Request-Redirect: {}\r\n", text_of(auth.redirect, parts));
  }
  if (auth.tells_uri) {
    fmt::format_to(out, "X-Original-URI: {}\r\nX-Scheme: {}\r\n", uri, origin.scheme);
  }
  text += "\r\n";
  return text;
}

AuthVerdict read_auth_answer(const table::ExternalAuth& auth, const ResponseHead* head) {
  AuthVerdict verdict;
  if (head == nullptr) {
    verdict.why = "no endpoint of it gave an answer";
    return verdict;
  }
  verdict.cookies = lines_of(*head, "Set-Cookie");
  if (head->status >= 200 && head->status < 300) {
    verdict.refused.reset();
    for (const auto& name : auth.response_headers) {
      verdict.fields.push_back({name, values_of(*head, name)});
    }
  } else if (head->status == 401) {
    verdict.refused = auth.signin.empty() ? AnswerReason::AuthRequired : AnswerReason::AuthRedirect;
    verdict.challenges = lines_of(*head, "WWW-Authenticate");
  } else if (head->status == 403) {
    verdict.refused = AnswerReason::AuthForbidden;
  } else {
    verdict.why = fmt::format("it answered {}, which is neither 2xx nor 401 nor 403", head->status);
  }
  return verdict;
}

std::string signin_location(const table::ExternalAuth& auth, const RequestParts& parts,
                            const Origin& origin) {
  auto url = text_of(auth.signin, parts);
  if (auth.signin_parameter.empty() || has_argument(url, auth.signin_parameter)) return url;
  fmt::format_to(std::back_inserter(url), "{}{}={}://{}{}",
                 url.find('?') == std::string::npos ? '?' : '&', auth.signin_parameter,
                 origin.scheme, origin.host, escaped(parts.head.path));
  return url;
}

}  // namespace weir::proxy
