#include "proxy/external_auth.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace weir::proxy {

namespace {

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
                              const RequestParts& parts, const Forwarded& forwarded,
                              KeptNames names) {
  const auto& origin = forwarded.origin;
  const auto is_told = [&](std::string_view name) {
    return std::ranges::any_of(auth.request_fields, [&](const table::HeaderField& field) {
      return equal_ignoring_case(field.name, name);
    });
  };
  std::string text;
  auto out = std::back_inserter(text);
  fmt::format_to(out, "{} {} HTTP/1.1\r\nHost: {}\r\n", auth.method, target,
                 auth.host.empty() ? origin.host : std::string_view(auth.host));
  for (const auto& field : parts.head.fields) {
    const bool has_own_id = field.id == FieldName::XRequestId && !forwarded.request_id.empty();
    if (goes_without_body(parts.head, field, names) && !has_own_id && !is_told(field.name)) {
      text += field.line;
    }
  }
  const auto add = [&](std::string_view name, std::string_view value) {
    if (!is_told(name)) fmt::format_to(out, "{}: {}\r\n", name, value);
  };
  const auto uri = parts.head.path;
  add("X-Original-URL", fmt::format("{}://{}{}", origin.scheme, origin.host, uri));
  if (!forwarded.request_id.empty()) add("X-Request-ID", forwarded.request_id);
  add("X-Original-Method", parts.head.method);
  add("X-Sent-From", "nginx-ingress-controller");
  add("X-Real-IP", origin.client);
  add("X-Forwarded-For", origin.forwarded_for);
  add("X-Auth-Request-Redirect",
      auth.redirect.empty() ? std::string(uri) : text_of(auth.redirect, parts));
  if (auth.tells_uri) {
    add("X-Original-URI", uri);
    add("X-Scheme", origin.scheme);
  }
  if (const auto* identity = forwarded.identity) {
    add("ssl-client-verify", identity->verify);
    if (!identity->subject.empty()) add("ssl-client-subject-dn", identity->subject);
    if (!identity->issuer.empty()) add("ssl-client-issuer-dn", identity->issuer);
    if (!identity->certificate.empty()) add("ssl-client-cert", identity->certificate);
  }
  for (const auto& field : auth.request_fields) {
    const auto value = text_of(field.value, parts);
    if (!value.empty()) fmt::format_to(out, "{}: {}\r\n", field.name, value);
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
