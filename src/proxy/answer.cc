#include "proxy/answer.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

#include "proxy/control_frame.h"
#include "proxy/http_head.h"

namespace weir::proxy {

namespace {

struct Wording {
  int status;
  std::string_view phrase;
  std::string_view sentence;
};

Wording wording_of(AnswerReason reason) {
  switch (reason) {
    case AnswerReason::HttpsRedirect:
      return {308, "Permanent Redirect", "This address is served over https."};
    case AnswerReason::Redirect:
      return {302, "Found", "What was here is elsewhere."};
    case AnswerReason::PatternLimit:
      return {500, "Internal Server Error", "To match this path takes more than it may."};
    case AnswerReason::BadRequest:
      return {400, "Bad Request", "The request is not valid HTTP."};
    case AnswerReason::ClientCertificateMissing:
      return {400, "Bad Request", "This host asks for a client certificate; none was sent."};
    case AnswerReason::ClientCertificateBad:
      return {400, "Bad Request", "The client certificate is not one that this host trusts."};
    case AnswerReason::NoClientTrust:
      return {403, "Forbidden", "This host cannot verify client certificates at present."};
    case AnswerReason::ClientSubjectDenied:
      return {403, "Forbidden", "Clients with this certificate may not come in here."};
    case AnswerReason::WebSocketOff:
      return {403, "Forbidden", "This address takes no WebSockets."};
    case AnswerReason::OriginDenied:
      return {403, "Forbidden", "Pages of this origin may not open a WebSocket here."};
    case AnswerReason::AuthRedirect:
      return {302, "Found", "Sign in first."};
    case AnswerReason::AuthRequired:
      return {401, "Unauthorized", "Say who you are first."};
    case AnswerReason::AuthForbidden:
      return {403, "Forbidden", "You may not come in here."};
    case AnswerReason::AuthFailed:
      return {500, "Internal Server Error", "Nobody could say whether you may come in here."};
    case AnswerReason::PasswordRequired:
      return {401, "Unauthorized", "Say your name and password."};
    case AnswerReason::PasswordsBusy:
      return {503, "Service Unavailable", "Too many passwords are being checked."};
    case AnswerReason::CorsPreflight:
      return {204, "No Content", ""};
    case AnswerReason::Blocked:
      return {403, "Forbidden", "Requests like this one are turned away."};
    case AnswerReason::AddressDenied:
      return {403, "Forbidden", "Your address may not come in here."};
    case AnswerReason::NoRoute:
      return {404, "Not Found", "No route leads from this host and path to a service."};
    case AnswerReason::HeadTimeout:
      return {408, "Request Timeout", "The request head did not arrive in time."};
    case AnswerReason::BodyTimeout:
      return {408, "Request Timeout", "The request body did not arrive in time."};
    case AnswerReason::LengthRequired:
      return {411, "Length Required", "The service takes no body of unknown length."};
    case AnswerReason::BodyTooLarge:
      return {413, "Content Too Large", "The request body is larger than allowed."};
    case AnswerReason::UriTooLong:
      return {414, "URI Too Long", "The request target is longer than allowed."};
    case AnswerReason::MisdirectedRequest:
      return {421, "Misdirected Request", "This host wants a connection of its own."};
    case AnswerReason::HeadTooLarge:
      return {431, "Request Header Fields Too Large", "The request head is larger than allowed."};
    case AnswerReason::ConnectFailed:
      return {502, "Bad Gateway", "No endpoint of the service took the connection."};
    case AnswerReason::UpstreamReset:
      return {502, "Bad Gateway", "The service closed the connection before it answered."};
    case AnswerReason::UpstreamTls:
      return {502, "Bad Gateway", "No endpoint of the service could be reached over TLS."};
    case AnswerReason::BadResponse:
      return {502, "Bad Gateway", "The service's answer is not valid HTTP."};
    case AnswerReason::NoEndpoint:
      return {503, "Service Unavailable", "The service has no ready endpoint."};
    case AnswerReason::TunnelLimit:
      return {503, "Service Unavailable", "There are as many WebSockets here as may be."};
    case AnswerReason::TunnelTotalLimit:
      return {503, "Service Unavailable", "The proxy has as many WebSockets as it may."};
    case AnswerReason::TunnelRate:
      return {503, "Service Unavailable", "Too many WebSockets are being opened at once."};
    case AnswerReason::AccessUnsettled:
      return {503, "Service Unavailable", "It is not settled who may come in here."};
    case AnswerReason::Draining:
      return {503, "Service Unavailable", "The proxy is going away."};
    case AnswerReason::QueueFull:
      return {503, "Service Unavailable", "The service has as much to do as it can take."};
    case AnswerReason::QueueTimeout:
      return {503, "Service Unavailable", "The service was busy for too long."};
    case AnswerReason::RateLimit:
      return {503, "Service Unavailable", "Too many requests come from your address."};
    case AnswerReason::ConnectionLimit:
      return {503, "Service Unavailable", "Your address has too many requests under way."};
    case AnswerReason::TooManyConnections:
      return {503, "Service Unavailable", "The proxy has too many connections."};
    case AnswerReason::NoTable:
      return {503, "Service Unavailable", "The proxy has no routes yet."};
    case AnswerReason::ConnectTimeout:
      return {504, "Gateway Timeout", "No endpoint of the service took the connection in time."};
    case AnswerReason::ResponseTimeout:
      return {504, "Gateway Timeout", "The service did not answer in time."};
    case AnswerReason::HttpVersion:
      return {505, "HTTP Version Not Supported", "This version of HTTP is not spoken here."};
    case AnswerReason::Count:
      break;
  }
  return {500, "Internal Server Error", ""};
}

/// RFC 9110 §15.4, RFC 6585 §4. What settings make of refusals has no other words.
std::string_view phrase_of(int status) {
  if (status >= 500) return "Service Unavailable";
  if (status == 429) return "Too Many Requests";
  if (status >= 400) return "Bad Request";
  constexpr std::string_view kPhrases[] = {
      "Multiple Choices", "Moved Permanently",  "Found",
      "See Other",        "Not Modified",       "Use Proxy",
      "Unused",           "Temporary Redirect", "Permanent Redirect"};
  const auto index = static_cast<std::size_t>(status) - 300;
  return index < std::size(kPhrases) ? kPhrases[index] : "Found";
}

bool accepts(std::string_view accept, std::string_view type) {
  return accept.find(type) != std::string_view::npos;
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  char text[64];
  const auto size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
  return {text, size};
}

}  // namespace

int status_of(AnswerReason reason) {
  return wording_of(reason).status;
}

int status_of(AnswerReason reason, const table::AnswerStatus& settings) {
  switch (reason) {
    case AnswerReason::HttpsRedirect:
      return settings.https_redirect;
    case AnswerReason::RateLimit:
      return settings.rate_limit;
    case AnswerReason::ConnectionLimit:
      return settings.connection_limit;
    default:
      return status_of(reason);
  }
}

std::string make_refusing_close(AnswerReason reason, int status, unsigned retry_after) {
  const auto wording = wording_of(reason);
  const bool is_for_now = wording.status == 503;
  // RFC 6455 §7.4.1 and IANA's registry: policy violation, try again later, bad gateway.
  const std::uint16_t code = is_for_now ? 1013 : status >= 500 ? 1014 : 1008;
  auto text = fmt::format("{} {}", status, wording.sentence);
  if (is_for_now) text += fmt::format(" Retry after {} s.", retry_after);
  return make_close_frame(FrameWatcher::Sender::Server, code, text);
}

std::string make_answer(AnswerReason reason, const AnswerRequest& request) {
  auto [status, phrase, sentence] = wording_of(reason);
  const bool is_for_now = status == 503;
  if (request.status != 0 && request.status != status) {
    status = request.status;
    phrase = phrase_of(status);
  }
  std::string body;
  std::string_view type;
  if (accepts(request.accept, "application/json")) {
    type = "application/json";
    body = fmt::format(R"({{"status":{},"reason":"{}","message":"{}"}})"
                       "\n",
                       status, reason_name(reason), sentence);
  } else if (accepts(request.accept, "text/html")) {
    type = "text/html; charset=utf-8";
    body = fmt::format(
        "<!doctype html><html lang=\"en\"><head><title>{0} {1}</title></head>"
        "<body><h1>{0} {1}</h1><p>{2}</p></body></html>\n",
        status, phrase, sentence);
  } else {
    type = "text/plain; charset=utf-8";
    body = fmt::format("{} {}: {}\n", status, phrase, sentence);
  }
  const bool has_content = status != 204;  // RFC 9110 §8.6, §15.3.5
  std::string text = fmt::format("HTTP/1.1 {} {}\r\n", status, phrase);
  const auto add = [&](std::string_view name, std::string_view value) {
    const bool is_replaced = std::ranges::any_of(
        request.replaced, [&](std::string_view other) { return equal_ignoring_case(name, other); });
    if (!is_replaced) fmt::format_to(std::back_inserter(text), "{}: {}\r\n", name, value);
  };
  add("Date", date_now());
  if (has_content) {
    add("Content-Type", type);
    add("Content-Length", std::to_string(body.size()));
  }
  if (!request.location.empty()) add("Location", request.location);
  text += request.fields;
  text += request.route_fields;
  if (!request.hsts.empty()) add("Strict-Transport-Security", request.hsts);
  if (is_for_now) add("Retry-After", std::to_string(request.retry_after));
  text += request.keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
  // RFC 9110 §15.4.5: nobody reads a body behind a 304.
  if (has_content && !request.head_only && status != 304) text += body;
  return text;
}

}  // namespace weir::proxy
