#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kube/credentials.h"

namespace weir::kube {

/// How a request ended, as far as it matters for what to do next.
enum class ApiStatus {
  Ok,            ///< 2xx, received to its end
  Stopped,       ///< by `stop`, or by the receiver
  Unreachable,   ///< no connection, or it broke off, or it timed out
  Unauthorized,  ///< 401, also after the token was read again
  Forbidden,     ///< 403
  NotFound,      ///< 404
  Conflict,      ///< 409
  Expired,       ///< 410: the resourceVersion or the continue token is too old
  Overloaded,    ///< 429 or 5xx
  Refused,       ///< any other status: asking again will not help
};

struct ApiReply {
  ApiStatus status = ApiStatus::Unreachable;
  int http_status = 0;  ///< 0: there was no answer
  /// Retry-After in seconds, at most 5 minutes.
  std::optional<std::chrono::seconds> retry_after;
  std::string detail;  ///< what went wrong, for a log line
  std::string body;    ///< of a successful request without a receiver
};

/// Requests to the API server over one kept-alive connection: HTTP/1.1, TLS 1.2 or newer, verified,
/// gzip if the server likes. What it warns of is logged, once a text.
/// Threads: each uses its own, but `stop` is for any. Makes the process ignore SIGPIPE.
class ApiClient {
 public:
  struct Timeouts {
    std::chrono::milliseconds connect{10'000};
    std::chrono::milliseconds read{60'000};  ///< without a byte
    std::chrono::milliseconds write{30'000};
  };
  /// Gets a successful body in pieces as it comes. False ends the request.
  using Receiver = std::function<bool(std::string_view)>;

  ApiClient(std::shared_ptr<Credentials> credentials, Timeouts timeouts);
  ~ApiClient();
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  /// `target` is path and query, encoded. `read_timeout` replaces that of all requests.
  ApiReply get(const std::string& target, const Receiver& receive,
               std::optional<std::chrono::milliseconds> read_timeout = std::nullopt);
  /// For what is small: the body is in the reply, and nothing above 8 MiB is taken.
  ApiReply get(const std::string& target);
  ApiReply post(const std::string& target, const std::string& json);
  ApiReply put(const std::string& target, const std::string& json);
  /// `type` says what `json` is: a merge patch (RFC 7396), or the fields that a manager applies.
  ApiReply patch(const std::string& target, const std::string& json, const char* type);

  /// Ends a request that is under way, at once, and refuses all later ones. From any thread.
  void stop();

 private:
  class Connection;

  ApiReply write(const char* method, const std::string& target, const std::string& json,
                 const char* type);

  std::unique_ptr<Connection> connection_;
  std::chrono::milliseconds read_timeout_;
};

inline constexpr const char* kMergePatch = "application/merge-patch+json";
inline constexpr const char* kApplyPatch = "application/apply-patch+yaml";  // JSON is YAML

/// What a Warning field of the API server says (`299 - "text"`, RFC 7234 §5.5), cut at 256 bytes;
/// empty: it is none of its.
std::string warning_text(std::string_view header);

/// Percent-encodes what is not unreserved (RFC 3986 §2.3), for a value in a query.
std::string encode_query(std::string_view text);

}  // namespace weir::kube
