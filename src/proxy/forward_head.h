#pragma once

#include <sys/uio.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http_head.h"

/// The heads that go on: untouched slices of the head as received, and the few lines that a proxy
/// must change, gathered for one write (RFC 9110 §7.6).
namespace weir::proxy {

/// Slices in sending order. Views: whoever adds keeps the bytes.
class Gather {
 public:
  void clear() { parts_.clear(); }
  /// Neighbours in memory become one part.
  void add(std::string_view bytes);
  const std::vector<iovec>& parts() const { return parts_; }
  std::size_t size() const;
  /// What is left after the first `sent` bytes, as one piece.
  std::string rest_after(std::size_t sent) const;

 private:
  std::vector<iovec> parts_;
};

/// What the backend learns about the client. Client-sent fields of these names are dropped.
struct Forwarded {
  std::string_view client_address;  ///< X-Forwarded-For, X-Real-IP
  bool https = false;               ///< X-Forwarded-Proto
  std::uint16_t port = 0;           ///< X-Forwarded-Port
};

/// `text` holds the changed lines and must live as long as the gather's content.
void gather_request(const RequestHead& head, const Forwarded& forwarded, bool upgrade,
                    std::string& text, Gather& gather);

struct ResponseEdit {
  int client_version = 11;
  bool keep_alive = true;       ///< of the client's connection, after this response
  bool upgrade = false;         ///< a 101 to a WebSocket handshake
  bool drop_chunked = false;    ///< the body goes on without its chunked coding
  std::string_view set_cookie;  ///< a line to add, CRLF included, or empty
};

void gather_response(const ResponseHead& head, const ResponseEdit& edit, std::string& text,
                     Gather& gather);

}  // namespace weir::proxy
