#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The table of raw HTTP/1.1: what a client sends, what a backend sends, and what each of them may
/// see of the other. tests/proxy/raw_http_test.cc runs it; the fuzz targets start from its bytes.
namespace weir::test {

/// The limits of the data plane that runs the table: small, so that a case can stand on an edge.
inline constexpr std::size_t kHeadLimit = 2048;
inline constexpr std::size_t kUriLimit = 512;
inline constexpr std::size_t kFieldLimit = 24;
inline constexpr std::size_t kBodyLimit = 100;
inline constexpr std::size_t kResponseHeadLimit = 4096;

struct HttpCase {
  enum class Ending { Kept, Closed, Reset };       ///< of the client's connection
  enum class BackendEnd { Open, Closes, Resets };  ///< what the backend does after its response
  enum class Pool { Any, Reused, Fresh };          ///< the backend's connection, after the case

  std::string name;
  std::string section;  ///< of the RFC, or whose rule it is

  std::string request;
  std::string awaits;     ///< what the client receives before it sends `rest`
  std::string rest;       ///< the request's other part
  bool hangs_up = false;  ///< the client ends its side after its last byte

  std::string on_head;                 ///< the backend's bytes once a request's head is here
  std::vector<std::string> responses;  ///< its bytes once the first, second … request is whole
  BackendEnd backend_end = BackendEnd::Open;

  /// All whole requests as the backend sees them, one behind the other, without the lines that weir
  /// adds about the client. None: no whole request may reach the backend.
  std::optional<std::string> forwarded;
  bool cut = false;                ///< the backend sees its connection end amid a request
  std::string host = "a.example";  ///< X-Forwarded-Host of each

  std::string received;  ///< all bytes that the client gets, but for …
  int refused = 0;       ///< … an answer that weir makes, which comes last; 0: none
  Ending ending = Ending::Kept;
  Pool pool = Pool::Any;

  HttpCase with_host(std::string name) &&;
  /// The client reads `bytes` before it sends `more`.
  HttpCase then(std::string bytes, std::string more) &&;
  HttpCase answered(std::string response, std::string seen) &&;
  HttpCase backend_closes() &&;
  HttpCase backend_resets() &&;
  HttpCase kept() &&;
  HttpCase closed() &&;
  HttpCase reset() &&;
  HttpCase hanging_up() &&;
  HttpCase cutting() &&;
  HttpCase pooled(Pool how) &&;
  HttpCase refused_at_last(int status) &&;
  /// Before weir refuses the last of several requests.
  HttpCase forwarding(std::string requests, std::string responses_seen) &&;
};

/// A theme of the table, in a file of its own.
struct HttpTheme {
  std::string name;
  std::vector<HttpCase> cases;
};
std::vector<HttpTheme> http_themes();

std::vector<HttpCase> request_line_cases();
std::vector<HttpCase> target_cases();
std::vector<HttpCase> host_cases();
std::vector<HttpCase> field_cases();
std::vector<HttpCase> framing_cases();
std::vector<HttpCase> chunked_cases();
std::vector<HttpCase> connection_cases();
std::vector<HttpCase> limit_cases();
std::vector<HttpCase> pipelining_cases();
std::vector<HttpCase> interim_cases();
std::vector<HttpCase> response_head_cases();
std::vector<HttpCase> response_framing_cases();
std::vector<HttpCase> truncated_cases();

// ---- words of the table -------------------------------------------------------------------------

/// The backend's answer where it does not matter.
inline const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string get(const std::string& lines = "");
std::string post(const std::string& lines, const std::string& body);
/// GET of a target.
std::string of(const std::string& target);

/// The backend sees `forwarded`, and the client its answer.
HttpCase passes(std::string name, std::string section, std::string request, std::string forwarded);
/// As it came.
HttpCase passes(std::string name, std::string section, const std::string& request);
/// weir answers, closes, and the backend sees nothing whole.
HttpCase refuses(std::string name, std::string section, std::string request, int status = 400);
/// A plain GET that the backend answers with `response`; the client receives `received`.
HttpCase answers(std::string name, std::string section, std::string response, std::string received);
HttpCase answers(std::string name, std::string section, const std::string& response);
/// A plain GET; the client gets 502 and the backend's connection is not used again.
HttpCase bad_response(std::string name, std::string section, std::string response);

}  // namespace weir::test
