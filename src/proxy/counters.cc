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
    case AnswerReason::MisdirectedRequest:
      return "misdirected_request";
    case AnswerReason::TooManyConnections:
      return "too_many_connections";
    case AnswerReason::UpstreamTls:
      return "upstream_tls";
    case AnswerReason::Count:
      break;
  }
  return "";
}

const char* tunnel_end_name(TunnelEnd end) {
  switch (end) {
    case TunnelEnd::ClientClosed:
      return "client_closed";
    case TunnelEnd::BackendClosed:
      return "backend_closed";
    case TunnelEnd::ClientReset:
      return "client_reset";
    case TunnelEnd::BackendReset:
      return "backend_reset";
    case TunnelEnd::IdleTimeout:
      return "idle_timeout";
    case TunnelEnd::SendTimeout:
      return "send_timeout";
    case TunnelEnd::Drain:
      return "drain";
    case TunnelEnd::Count:
      break;
  }
  return "";
}

}  // namespace weir::proxy
