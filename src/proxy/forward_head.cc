#include "proxy/forward_head.h"

#include <charconv>

namespace weir::proxy {

namespace {

bool replaced_by_proxy(FieldName id) {
  switch (id) {
    case FieldName::Proxy:  // httpoxy: CGI would read it as HTTP_PROXY
    case FieldName::XForwardedFor:
    case FieldName::XForwardedHost:
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

}  // namespace

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

void gather_request(const RequestHead& head, const Forwarded& forwarded, bool upgrade,
                    std::string& text, Gather& gather) {
  text.clear();
  gather.clear();
  const bool origin_form = head.path.data() == head.target.data();
  const bool plain_line = origin_form && head.version == 11;
  if (!plain_line) {
    text += head.method;
    text += ' ';
    text += head.path.empty() ? (head.method == "OPTIONS" ? "*" : "/") : head.path;
    text += " HTTP/1.1\r\n";
  }
  const bool own_host = !origin_form || head.host.data() == nullptr;
  if (own_host) add_line(text, "Host", head.host);
  const auto first_lines = text.size();

  if (upgrade) text += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  add_line(text, "X-Forwarded-For", forwarded.client_address);
  add_line(text, "X-Real-IP", forwarded.client_address);
  add_line(text, "X-Forwarded-Host", head.host);
  char port[8];
  const auto end = std::to_chars(port, port + sizeof port, forwarded.port).ptr;
  add_line(text, "X-Forwarded-Port", {port, static_cast<std::size_t>(end - port)});
  add_line(text, "X-Forwarded-Proto", forwarded.https ? "https" : "http");
  text += "\r\n";

  // `text` does not move any more.
  if (plain_line) gather.add(head.start_line);
  gather.add(std::string_view(text).substr(0, first_lines));
  for (const auto& field : head.fields) {
    if (field.hop_by_hop || replaced_by_proxy(field.id)) continue;
    if (own_host && field.id == FieldName::Host) continue;
    gather.add(field.line);
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
  const auto first_line = text.size();
  if (edit.upgrade) {
    text += "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  } else if (!edit.keep_alive) {
    text += "Connection: close\r\n";
  } else if (edit.client_version == 10) {
    text += "Connection: keep-alive\r\n";
  }
  text += edit.set_cookie;
  text += "\r\n";

  if (plain_line) gather.add(head.start_line);
  gather.add(std::string_view(text).substr(0, first_line));
  for (const auto& field : head.fields) {
    if (field.hop_by_hop) continue;
    if (edit.drop_chunked && field.id == FieldName::TransferEncoding) continue;
    gather.add(field.line);
  }
  gather.add(std::string_view(text).substr(first_line));
}

}  // namespace weir::proxy
