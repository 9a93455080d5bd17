#include "proxy/forward_head.h"

#include <algorithm>
#include <charconv>

namespace weir::proxy {

namespace {

bool replaced_by_proxy(FieldName id) {
  switch (id) {
    case FieldName::SslClient:
    case FieldName::Proxy:  // httpoxy: CGI would read it as HTTP_PROXY
    case FieldName::XForwardedFor:
    case FieldName::XForwardedHost:
    case FieldName::XForwardedOther:
    case FieldName::XForwardedPort:
    case FieldName::XForwardedProto:
    case FieldName::XRealIp:
      return true;
    default:
      return false;
  }
}

void add_line(std::string& text, std::string_view name, std::string_view value) {
  text += name;
  text += ": ";
  text += value;
  text += "\r\n";
}

void add_scheme(std::string& text, std::string_view scheme) {
  // Nearly always one of these two, and then one piece.
  if (scheme == "http") {
    text += "X-Forwarded-Proto: http\r\nX-Forwarded-Scheme: http\r\nX-Scheme: http\r\n";
  } else if (scheme == "https") {
    text += "X-Forwarded-Proto: https\r\nX-Forwarded-Scheme: https\r\nX-Scheme: https\r\n";
  } else {
    for (const auto* name : {"X-Forwarded-Proto", "X-Forwarded-Scheme", "X-Scheme"}) {
      add_line(text, name, scheme);
    }
  }
}

/// What frames and routes a message: whoever is next in line must read it as weir does.
bool frames_or_routes(FieldName id) {
  return id == FieldName::ContentLength || id == FieldName::TransferEncoding ||
         id == FieldName::Host;
}

/// "Name: value", with one space and nothing else around the value. Some parsers keep a tab.
bool plainly_spaced(const Field& field) {
  return field.line.size() == field.name.size() + field.value.size() + 4 &&
         field.line[field.name.size() + 1] == ' ';
}

bool needs_respacing(const Field& field) {
  return frames_or_routes(field.id) && !plainly_spaced(field);
}

bool is_edited(std::span<const FieldEdit> edits, std::string_view name) {
  return std::ranges::any_of(
      edits, [&](const FieldEdit& edit) { return equal_ignoring_case(edit.name, name); });
}

template <class Name>
bool is_one_of(std::span<const Name> names, const Field& field) {
  return std::ranges::any_of(
      names, [&](std::string_view name) { return equal_ignoring_case(name, field.name); });
}

bool goes_to_client(const ResponseHead& head, const ResponseEdit& edit, const Field& field) {
  if (field.hop_by_hop) return false;
  const bool any_is_left_out = !edit.replaced.empty() || !edit.hidden.empty();
  if (any_is_left_out && (is_one_of(edit.replaced, field) || is_one_of(edit.hidden, field))) {
    return false;
  }
  switch (field.id) {
    case FieldName::ContentLength:
      return head.status != 204;  // RFC 9110 §8.6: none there
    case FieldName::TransferEncoding:
      return head.status != 204 && edit.client_version >= 11;  // RFC 9112 §6.1
    case FieldName::Trailer:
      return edit.client_version >= 11;  // trailers need chunks
    case FieldName::Server:
      return edit.server;
    default:
      return true;
  }
}

void add_upgrade(std::string& text, std::string_view protocol) {
  text += "Connection: Upgrade\r\n";
  add_line(text, "Upgrade", protocol);
}

}  // namespace

bool goes_to_backend(const RequestHead& head, const Field& field, KeptNames names) {
  if (field.hop_by_hop || replaced_by_proxy(field.id)) return false;
  // RFC 9110 §10.1.1: in HTTP/1.0 it means nothing, and the request goes on as 1.1.
  if (field.id == FieldName::Expect && head.version < 11) return false;
  if (field.odd && !names.odd) return false;
  return names.with_underscores || field.name.find('_') == std::string_view::npos;
}

bool goes_without_body(const RequestHead& head, const Field& field, KeptNames names) {
  switch (field.id) {
    case FieldName::Host:
    case FieldName::ContentLength:
    case FieldName::TransferEncoding:
    case FieldName::Expect:
    case FieldName::SecWebSocketExtensions:
    case FieldName::SecWebSocketKey:
    case FieldName::SecWebSocketProtocol:
    case FieldName::SecWebSocketVersion:
    case FieldName::Trailer:
      return false;
    default:
      return goes_to_backend(head, field, names);
  }
}

void Gather::add(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!parts_.empty()) {
    auto& last = parts_.back();
    if (static_cast<const char*>(last.iov_base) + last.iov_len == bytes.data()) {
      last.iov_len += bytes.size();
      return;
    }
  }
  parts_.push_back({const_cast<char*>(bytes.data()), bytes.size()});
}

std::size_t Gather::size() const {
  std::size_t size = 0;
  for (const auto& part : parts_) size += part.iov_len;
  return size;
}

std::string Gather::rest_after(std::size_t sent) const {
  std::string rest;
  rest.reserve(size() - sent);
  for (const auto& part : parts_) {
    const std::string_view bytes(static_cast<const char*>(part.iov_base), part.iov_len);
    const auto skip = std::min(sent, bytes.size());
    rest += bytes.substr(skip);
    sent -= skip;
  }
  return rest;
}

void gather_request(const RequestHead& head, const Forwarded& forwarded, const RequestEdit& edit,
                    std::string& text, Gather& gather) {
  text.clear();
  gather.clear();
  const bool origin_form = head.path.data() == head.target.data();
  const bool plain_line =
      origin_form && head.version == 11 && edit.target.empty() && !edit.http_1_0;
  if (!plain_line) {
    text += head.method;
    text += ' ';
    if (!edit.target.empty()) {
      text += edit.target;
    } else if (head.path.empty() && head.method == "OPTIONS") {
      text += '*';  // RFC 9112 §3.2.4
    } else {
      if (head.path.empty() || head.path.starts_with('?')) text += '/';
      text += head.path;
    }
    text += edit.http_1_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  }
  const auto& origin = forwarded.origin;
  const auto host = edit.host.empty() ? origin.host : edit.host;
  const bool own_host =
      !origin_form || head.host.data() == nullptr || head.host.data() != host.data();
  if (own_host) add_line(text, "Host", host);
  const auto dropped = [&](const Field& field) {
    return !(edit.without_body ? goes_without_body(head, field, edit.names)
                               : goes_to_backend(head, field, edit.names)) ||
           (own_host && field.id == FieldName::Host) ||
           (field.id == FieldName::XRequestId && !forwarded.request_id.empty()) ||
           is_edited(edit.fields, field.name);
  };
  for (const auto& field : head.fields) {
    if (needs_respacing(field) && !dropped(field)) add_line(text, field.name, field.value);
  }
  const auto first_lines = text.size();

  if (!edit.upgrade.empty()) {
    add_upgrade(text, edit.upgrade);
  } else if (edit.closes) {
    text += "Connection: close\r\n";
  }
  const auto add_own = [&](std::string_view name, std::string_view value) {
    if (!edit.replaces_forwarded || !is_edited(edit.fields, name)) add_line(text, name, value);
  };
  if (!forwarded.request_id.empty()) add_own("X-Request-ID", forwarded.request_id);
  add_own("X-Forwarded-For", origin.forwarded_for);
  add_own("X-Real-IP", origin.client);
  add_own("X-Forwarded-Host", origin.host);
  char port[8];
  const auto end = std::to_chars(port, port + sizeof port, origin.port).ptr;
  add_own("X-Forwarded-Port", {port, static_cast<std::size_t>(end - port)});
  if (edit.replaces_forwarded) {
    add_own("X-Forwarded-Proto", origin.scheme);
    add_own("X-Forwarded-Scheme", origin.scheme);
    add_own("X-Scheme", origin.scheme);
  } else {
    add_scheme(text, origin.scheme);
  }
  if (!origin.original_for.empty()) add_own("X-Original-Forwarded-For", origin.original_for);
  if (!origin.original_host.empty()) add_own("X-Original-Forwarded-Host", origin.original_host);
  if (const auto* identity = forwarded.identity) {
    add_line(text, "ssl-client-verify", identity->verify);
    if (!identity->subject.empty()) add_line(text, "ssl-client-subject-dn", identity->subject);
    if (!identity->issuer.empty()) add_line(text, "ssl-client-issuer-dn", identity->issuer);
    if (!identity->certificate.empty()) add_line(text, "ssl-client-cert", identity->certificate);
  }
  for (const auto& field : edit.fields) {
    if (!field.value.empty()) add_line(text, field.name, field.value);
  }
  text += "\r\n";

  // `text` does not move any more.
  if (plain_line) gather.add(head.start_line);
  gather.add(std::string_view(text).substr(0, first_lines));
  for (const auto& field : head.fields) {
    if (!needs_respacing(field) && !dropped(field)) gather.add(field.line);
  }
  gather.add(std::string_view(text).substr(first_lines));
}

void gather_response(const ResponseHead& head, const ResponseEdit& edit, std::string& text,
                     Gather& gather) {
  text.clear();
  gather.clear();
  const bool plain_line = head.version == 11;
  if (!plain_line) {
    text += "HTTP/1.1";
    text += head.start_line.substr(8);
  }
  for (const auto& field : head.fields) {
    if (needs_respacing(field) && goes_to_client(head, edit, field)) {
      add_line(text, field.name, field.value);
    }
  }
  const auto first_lines = text.size();
  if (!edit.upgrade.empty()) {
    add_upgrade(text, edit.upgrade);
  } else if (!edit.keep_alive) {
    text += "Connection: close\r\n";
  } else if (edit.client_version == 10) {
    text += "Connection: keep-alive\r\n";
  }
  text += edit.set_cookie;
  text += edit.auth_cookies;
  text += edit.lines;
  if (!edit.hsts.empty()) add_line(text, "Strict-Transport-Security", edit.hsts);
  text += "\r\n";

  if (plain_line) gather.add(head.start_line);
  gather.add(std::string_view(text).substr(0, first_lines));
  for (const auto& field : head.fields) {
    if (!edit.hsts.empty() && field.id == FieldName::StrictTransportSecurity) continue;
    if (!needs_respacing(field) && goes_to_client(head, edit, field)) gather.add(field.line);
  }
  gather.add(std::string_view(text).substr(first_lines));
}

}  // namespace weir::proxy
