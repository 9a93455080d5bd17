#include "proxy/raw_http/http_case.h"

#include <utility>

namespace weir::test {

HttpCase HttpCase::with_host(std::string other) && {
  host = std::move(other);
  return std::move(*this);
}

HttpCase HttpCase::then(std::string bytes, std::string more) && {
  awaits = std::move(bytes);
  rest = std::move(more);
  return std::move(*this);
}

HttpCase HttpCase::answered(std::string response, std::string seen) && {
  responses = {std::move(response)};
  received = std::move(seen);
  return std::move(*this);
}

HttpCase HttpCase::backend_closes() && {
  backend_end = BackendEnd::Closes;
  pool = Pool::Fresh;
  return std::move(*this);
}

HttpCase HttpCase::backend_resets() && {
  backend_end = BackendEnd::Resets;
  pool = Pool::Fresh;
  return std::move(*this);
}

HttpCase HttpCase::kept() && {
  ending = Ending::Kept;
  return std::move(*this);
}

HttpCase HttpCase::closed() && {
  ending = Ending::Closed;
  return std::move(*this);
}

HttpCase HttpCase::reset() && {
  ending = Ending::Reset;
  return std::move(*this);
}

HttpCase HttpCase::hanging_up() && {
  hangs_up = true;
  ending = Ending::Closed;
  return std::move(*this);
}

HttpCase HttpCase::cutting() && {
  cut = true;
  return std::move(*this);
}

HttpCase HttpCase::pooled(Pool how) && {
  pool = how;
  return std::move(*this);
}

HttpCase HttpCase::refused_at_last(int status) && {
  refused = status;
  return std::move(*this);
}

HttpCase HttpCase::forwarding(std::string requests, std::string responses_seen) && {
  forwarded = std::move(requests);
  received = std::move(responses_seen);
  return std::move(*this);
}

std::string get(const std::string& lines) {
  return "GET / HTTP/1.1\r\nHost: a.example\r\n" + lines + "\r\n";
}

std::string post(const std::string& lines, const std::string& body) {
  return "POST / HTTP/1.1\r\nHost: a.example\r\n" + lines + "\r\n" + body;
}

std::string of(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a.example\r\n\r\n";
}

HttpCase passes(std::string name, std::string section, std::string request, std::string forwarded) {
  HttpCase made;
  made.name = std::move(name);
  made.section = std::move(section);
  made.request = std::move(request);
  made.forwarded = std::move(forwarded);
  made.responses = {kAnswer};
  made.received = kAnswer;
  made.pool = HttpCase::Pool::Reused;
  return made;
}

HttpCase passes(std::string name, std::string section, const std::string& request) {
  return passes(std::move(name), std::move(section), request, request);
}

HttpCase refuses(std::string name, std::string section, std::string request, int status) {
  HttpCase made;
  made.name = std::move(name);
  made.section = std::move(section);
  made.request = std::move(request);
  made.responses = {kAnswer};
  made.refused = status;
  made.ending = HttpCase::Ending::Closed;
  return made;
}

HttpCase answers(std::string name, std::string section, std::string response,
                 std::string received) {
  return passes(std::move(name), std::move(section), get())
      .answered(std::move(response), std::move(received));
}

HttpCase answers(std::string name, std::string section, const std::string& response) {
  return answers(std::move(name), std::move(section), response, response);
}

HttpCase bad_response(std::string name, std::string section, std::string response) {
  auto made = passes(std::move(name), std::move(section), get());
  made.responses = {std::move(response)};
  made.received.clear();
  made.refused = 502;
  made.pool = HttpCase::Pool::Fresh;
  return made;
}

std::vector<HttpTheme> http_themes() {
  return {
      {"RequestLine", request_line_cases()},
      {"Target", target_cases()},
      {"Host", host_cases()},
      {"Fields", field_cases()},
      {"Framing", framing_cases()},
      {"Chunked", chunked_cases()},
      {"Connection", connection_cases()},
      {"Limits", limit_cases()},
      {"Pipelining", pipelining_cases()},
      {"Interim", interim_cases()},
      {"ResponseHead", response_head_cases()},
      {"ResponseFraming", response_framing_cases()},
      {"Truncated", truncated_cases()},
  };
}

}  // namespace weir::test
