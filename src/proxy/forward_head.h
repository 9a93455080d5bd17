#pragma once

#include <sys/uio.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/client_address.h"
#include "proxy/client_identity.h"
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
  /// X-Real-IP, X-Forwarded-…, X-Scheme, X-Original-Forwarded-…. Its host replaces the request's.
  const Origin& origin;
  const ClientIdentity* identity = nullptr;  ///< ssl-client-verify and its names; may be none
  std::string_view request_id = {};          ///< X-Request-ID that weir has made, or empty
};

/// What becomes of the fields of one name: they are left out, and one with this value is added,
/// unless it is empty.
struct FieldEdit {
  std::string_view name;
  std::string value;
};

/// Fields of clients whose names may go on, besides those of letters, digits and "-".
struct KeptNames {
  bool with_underscores = false;
  bool odd = false;  ///< with other signs (Field::odd)
};

struct RequestEdit {
  std::string_view upgrade;           ///< the protocol to go on with, or empty
  KeptNames names;                    ///< of fields
  std::span<const FieldEdit> fields;  ///< go before what the client sent
  bool replaces_forwarded = false;    ///< some of those are of `Forwarded`'s, and win
  std::string_view target;            ///< instead of the client's, or empty
  std::string_view host;              ///< the Host field, instead of `Origin::host`; or empty
  bool http_1_0 = false;              ///< the version; no upgrade goes with that
  bool closes = false;                ///< the connection is for this request alone
  bool without_body = false;          ///< what frames one is left out
};

/// Whether a field of a client's request is for its endpoint, but for what frames the body.
bool goes_to_backend(const RequestHead& head, const Field& field, KeptNames names);

/// The same for somebody else who is asked on the client's behalf, without its Host field, body and
/// upgrade.
bool goes_without_body(const RequestHead& head, const Field& field, KeptNames names);

/// `text` holds the changed lines and must live as long as the gather's content.
void gather_request(const RequestHead& head, const Forwarded& forwarded, const RequestEdit& edit,
                    std::string& text, Gather& gather);

struct ResponseEdit {
  int client_version = 11;                     ///< 10: the body goes on without its chunked coding
  bool keep_alive = true;                      ///< of the client's connection, after this response
  std::string_view upgrade;                    ///< the protocol of a 101, or empty
  std::string_view hsts;                       ///< replaces Strict-Transport-Security, unless empty
  std::string_view set_cookie;                 ///< a line to add, CRLF included, or empty
  std::string_view auth_cookies;               ///< more such lines
  std::string_view lines;                      ///< and more …
  std::span<const std::string_view> replaced;  ///< … instead of fields of these names
  std::span<const std::string> hidden;         ///< fields of these names are left out as well …
  bool server = false;                         ///< … and Server, unless this is on
};

void gather_response(const ResponseHead& head, const ResponseEdit& edit, std::string& text,
                     Gather& gather);

}  // namespace weir::proxy
