#pragma once

#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/chunk_decoder.h"
#include "proxy/client_address.h"
#include "proxy/client_limits.h"
#include "proxy/forward_head.h"
#include "proxy/http_counters.h"
#include "proxy/http_head.h"
#include "proxy/live_table.h"
#include "proxy/request_id.h"
#include "proxy/tunnel_counters.h"
#include "proxy/websocket.h"

namespace weir::proxy {

class MirrorCopy;

/// How much of a body is still to come.
class Body {
 public:
  Body() = default;
  explicit Body(const Framing& framing) : framing_(framing), left_(framing.length) {}

  bool done() const {
    switch (framing_.kind) {
      case Framing::Kind::None:
        return true;
      case Framing::Kind::Length:
        return left_ == 0;
      case Framing::Kind::Chunked:
        return chunked_done_;
      case Framing::Kind::UntilClose:
        return closed_;
    }
    return true;
  }
  /// No more than `size` and no more than is known to be left: how much to read.
  std::size_t most(std::size_t size) const {
    return framing_.kind == Framing::Kind::Length && left_ < size ? static_cast<std::size_t>(left_)
                                                                  : size;
  }
  bool until_close() const { return framing_.kind == Framing::Kind::UntilClose; }
  void close() { closed_ = true; }
  /// Bytes of content so far.
  std::uint64_t received() const { return received_; }

  /// Takes what belongs to the body from the front of `bytes`. With `strip`, chunked content is
  /// moved together at the front.
  struct Step {
    std::size_t used = 0;        ///< bytes of the body
    std::span<char> to_forward;  ///< what goes on, within `bytes`
    bool malformed = false;
  };
  Step take(std::span<char> bytes, bool strip = false);

 private:
  Framing framing_;
  std::uint64_t left_ = 0;
  std::uint64_t received_ = 0;
  ChunkDecoder chunks_;
  bool chunked_done_ = false;
  bool closed_ = false;
};

/// One request in flight: what it was, what it became, and who was asked. Reused for the next
/// request, of any connection.
struct Exchange {
  RequestHead request;  ///< views into the connection's buffer
  WebSocketHandshake handshake;
  std::string_view upgrade;  ///< read_upgrade
  Body request_body;

  std::string host_storage;
  std::string_view host_name;           ///< normalised
  HostRef host;                         ///< as it was when the request came
  const table::Route* route = nullptr;  ///< of `host`
  const RouteRules* rules = nullptr;    ///< of `route`; nullptr: it has none
  bool falls_back = false;              ///< to the route's `fallback`
  bool is_plain = false;                ///< goes to the route's `plain_backend`
  Origin origin;
  std::string path_storage;
  RequestIds::Text request_id_storage;
  std::string_view request_id;         ///< made by weir; empty: the client's own holds
  std::string target;                  ///< for endpoints, if the route rewrites it; else empty
  std::string request_text;            ///< lines that `to_backend` points into
  Gather to_backend;                   ///< the head, and what of the body came with it
  std::vector<FieldEdit> field_edits;  ///< of the request; names are the table's, or weir's own
  std::unique_ptr<MirrorCopy> mirror;  ///< of the request, until it is out; mostly none
  std::vector<EndpointRef> tried;
  std::shared_ptr<TunnelCounters> handshake_counters;  ///< of route and backend, if it is one
  TimerWheel::TimePoint handshake_begun;
  RequestTally tally;
  ClientUse::Place client_place;  ///< where a route counts what clients have open

  std::string answer_fields;                   ///< lines of weir's own answer, if it comes to one
  ResponseHead response;                       ///< valid only while its bytes are looked at
  std::string route_lines;                     ///< of every response of the route …
  std::vector<std::string_view> route_names;   ///< … and the names of their fields
  std::shared_ptr<const HeaderRules> headers;  ///< some of those are from it; may be none
  bool fields_are_settled = false;             ///< all of them are there
  bool sets_hsts = false;                      ///< Strict-Transport-Security is one of them
  std::list<std::string> rewritten;            ///< lines of `response`
  std::string set_cookie;                      ///< line for the client, or empty
  std::string auth_cookies;                    ///< lines of the auth service for the client …
  bool auth_was_asked = false;                 ///< and it said yes
  bool auth_cookies_always = false;  ///< … with whatever status; else as nginx's add_header
  std::string response_text;
  Gather to_client;

  std::string_view auth_cookies_for(int status) const;

  Exchange();
  ~Exchange();
  void reset();

 private:
  /// What only requests have that rules are about.
  void forget_rules();
};

}  // namespace weir::proxy
