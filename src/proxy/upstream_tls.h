#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/endpoint.h"
#include "proxy/live_table.h"
#include "proxy/openssl_handles.h"
#include "util/result.h"

namespace weir::proxy {

/// TLS to endpoints under one policy with one server name: its context, and the sessions that may
/// be resumed. Connections of two lanes never stand in for each other, so its number goes with
/// pooled ones; no two lanes ever have the same.
class UpstreamLane : public LocalRefCount<UpstreamLane> {
 public:
  UpstreamLane(std::shared_ptr<SSL_CTX> context, std::uint64_t number, std::string server_name,
               bool send_server_name, bool verify);

  std::uint64_t number() const { return number_; }

  /// For a connected descriptor, which stays the caller's; resumes what it can of that endpoint.
  /// nullptr when out of memory.
  SSL* new_connection(IoHandle& io, const Endpoint& endpoint);
  /// After a response: keeps the connection's session for the endpoint's next one.
  void keep_session(SSL* ssl, const Endpoint& endpoint);
  /// After a handshake that failed.
  void forget_session(const Endpoint& endpoint) { sessions_.erase(endpoint.id()); }
  bool uses(const SSL_CTX* context) const { return context_.get() == context; }
  /// Why it failed, for people. Clears OpenSSL's queue.
  static std::string failure_of(SSL* ssl);

 private:
  std::shared_ptr<SSL_CTX> context_;
  const std::uint64_t number_;
  const std::string server_name_;
  const bool send_server_name_;
  const bool verify_;
  std::unordered_map<std::string, SslSessionPtr> sessions_;  // by Endpoint::id
};

using UpstreamLaneRef = boost::intrusive_ptr<UpstreamLane>;

/// One worker's lanes. Equal policies of several routes are one, with one context; a policy stays
/// the same over generations as long as what it names does.
class UpstreamTls {
 public:
  explicit UpstreamTls(const LiveTable& table) : table_(table) {}

  /// After the table took an update: what a policy names may be another object now. Its lanes are
  /// forgotten then; connections under way and pooled ones end by themselves.
  void adopt(const Delta& delta);
  /// `host` is the request's, normalised. Unavailable, with a sentence, when the table has not got
  /// what the policy names: never less is verified than was asked for.
  util::Result<UpstreamLaneRef> lane_for(const table::UpstreamTls& policy, std::string_view host);

 private:
  struct Context {
    std::shared_ptr<SSL_CTX> context;
    std::string trust;  // what it was made with, by name
    std::string certificate;
  };

  util::Result<Context> make_context(const table::UpstreamTls& policy) const;
  void forget(const Context& context);

  const LiveTable& table_;
  std::uint64_t last_number_ = 0;                           // 0 is plain TCP's
  std::map<std::string, Context> contexts_;                 // by all that makes them up
  std::unordered_map<std::string, UpstreamLaneRef> lanes_;  // by that and the server name
};

}  // namespace weir::proxy
