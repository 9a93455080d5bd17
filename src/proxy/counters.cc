#include "proxy/counters.h"

namespace weir::proxy {

const char* reason_name(AnswerReason reason) {
  switch (reason) {
    case AnswerReason::HttpsRedirect:
      return "https_redirect";
    case AnswerReason::BadRequest:
      return "bad_request";
    case AnswerReason::NoRoute:
      return "no_route";
    case AnswerReason::HeadTimeout:
      return "head_timeout";
    case AnswerReason::BodyTimeout:
      return "body_timeout";
    case AnswerReason::BodyTooLarge:
      return "body_too_large";
    case AnswerReason::UriTooLong:
      return "uri_too_long";
    case AnswerReason::HeadTooLarge:
      return "head_too_large";
    case AnswerReason::ConnectFailed:
      return "connect_failed";
    case AnswerReason::UpstreamReset:
      return "upstream_reset";
    case AnswerReason::BadResponse:
      return "bad_response";
    case AnswerReason::NoEndpoint:
      return "no_endpoint";
    case AnswerReason::NoTable:
      return "no_table";
    case AnswerReason::ConnectTimeout:
      return "connect_timeout";
    case AnswerReason::ResponseTimeout:
      return "response_timeout";
    case AnswerReason::HttpVersion:
      return "http_version";
    case AnswerReason::ClientCertificateMissing:
      return "client_certificate_missing";
    case AnswerReason::ClientCertificateBad:
      return "client_certificate_bad";
    case AnswerReason::NoClientTrust:
      return "no_client_trust";
    case AnswerReason::ClientSubjectDenied:
      return "client_subject_denied";
    case AnswerReason::MisdirectedRequest:
      return "misdirected_request";
    case AnswerReason::TooManyConnections:
      return "too_many_connections";
    case AnswerReason::UpstreamTls:
      return "upstream_tls";
    case AnswerReason::WebSocketOff:
      return "websocket_off";
    case AnswerReason::OriginDenied:
      return "origin_denied";
    case AnswerReason::TunnelLimit:
      return "tunnel_limit";
    case AnswerReason::TunnelTotalLimit:
      return "tunnel_total_limit";
    case AnswerReason::TunnelRate:
      return "tunnel_rate";
    case AnswerReason::Draining:
      return "draining";
    case AnswerReason::QueueFull:
      return "queue_full";
    case AnswerReason::QueueTimeout:
      return "queue_timeout";
    case AnswerReason::AddressDenied:
      return "address_denied";
    case AnswerReason::AccessUnsettled:
      return "access_unsettled";
    case AnswerReason::AuthRequired:
      return "auth_required";
    case AnswerReason::AuthRedirect:
      return "auth_redirect";
    case AnswerReason::AuthForbidden:
      return "auth_forbidden";
    case AnswerReason::AuthFailed:
      return "auth_failed";
    case AnswerReason::PasswordRequired:
      return "password_required";
    case AnswerReason::PasswordsBusy:
      return "passwords_busy";
    case AnswerReason::CorsPreflight:
      return "cors_preflight";
    case AnswerReason::Redirect:
      return "redirect";
    case AnswerReason::PatternLimit:
      return "pattern_limit";
    case AnswerReason::RateLimit:
      return "rate_limit";
    case AnswerReason::ConnectionLimit:
      return "connection_limit";
    case AnswerReason::Blocked:
      return "blocked";
    case AnswerReason::LengthRequired:
      return "length_required";
    case AnswerReason::Count:
      break;
  }
  return "";
}

const char* reason_name(CloseReason reason) {
  switch (reason) {
    case CloseReason::Client:
      return "client";
    case CloseReason::Idle:
      return "idle";
    case CloseReason::MaxRequests:
      return "max_requests";
    case CloseReason::Drain:
      return "drain";
    case CloseReason::ProtocolError:
      return "protocol_error";
    case CloseReason::TlsError:
      return "tls_error";
    case CloseReason::ProxyHeader:
      return "proxy_header";
    case CloseReason::Memory:
      return "memory";
    case CloseReason::Count:
      break;
  }
  return "";
}

}  // namespace weir::proxy
