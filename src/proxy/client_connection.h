#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "proxy/client_identity.h"
#include "proxy/exchange.h"
#include "proxy/external_auth.h"
#include "proxy/fiber.h"
#include "proxy/proxy_protocol.h"
#include "proxy/stream.h"
#include "proxy/subrequest.h"
#include "proxy/task.h"
#include "proxy/tries.h"
#include "proxy/tunnel_auth.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

class TunnelPermit;

/// A client's connection, from accept until it closes or becomes a tunnel.
///
/// Between two requests it is parked: no coroutine, no buffer. Bytes that arrive start `serve`,
/// which takes one request after the other until none is left. It owns itself.
class ClientConnection final : public Fiber, public OpenConnection {
 public:
  /// `fd` is non-blocking and taken over. `tls`: of a TLS listener.
  static void open(WorkerState& worker, int fd, bool tls, std::string address,
                   AddressCounts::Place place);

  /// An idle one closes now, a busy one after its response.
  void stop_accepting() override;
  void cut(TunnelEnd why) override;

 private:
  enum class Next : std::uint8_t { Request, Park, Close, Linger };

  /// How one try to have the request answered by an endpoint ended.
  struct Outcome {
    enum class Kind : std::uint8_t {
      Over,    // the response is out, or cut where nothing can be mended: `next`
      Stale,   // a kept connection had died; nothing has happened that could not happen again
      Retry,   // for `reason`, and another endpoint may have it
      Failed,  // weir answers, with `reason`
    };
    Kind kind = Kind::Over;
    Next next = Next::Close;
    AnswerReason reason = AnswerReason::BadRequest;
  };
  class Relay;
  friend class Relay;
  /// Whether a request may go on to an endpoint.
  struct Admission {
    std::optional<AnswerReason> refused;
    bool client_has_left = false;
  };

  ClientConnection(WorkerState& worker, std::string address, AddressCounts::Place place);
  ~ClientConnection();

  void on_idle(Wake wake) override;
  void park(std::chrono::milliseconds timeout);

  Detached serve();
  Arrival arrival() const;
  /// False: no header that could be read; the connection is to be closed.
  Task<bool> take_proxy_header();
  /// Over a limit: 503 where it speaks plain HTTP, and the end without a reset.
  Task<bool> refuse();
  void believe(const ProxyHeader& header);
  /// Sends a PROXY header if the backend wants one: `stream` is new. False: it takes none.
  bool announce(std::string_view client, const Backend& backend, Stream& stream);
  /// On a TLS port: what becomes of the connection. Close: it has gone on as a tunnel, too.
  enum class Way : std::uint8_t { Handshake, Close };
  Task<Way> find_way();
  enum class Peeked : std::uint8_t { Name, Other, Gone };
  Task<Peeked> peek_server_name(std::string& name);
  /// Undecrypted, to one of the backend's endpoints; false: none took it. `name` is the one asked
  /// for, and outlives the call.
  Task<bool> pass_through(BackendRef backend, HostRef host, std::string_view name);
  Task<bool> handshake();
  Task<bool> try_handshake();
  /// Next::Request: `head_length_` bytes of head are in the buffer.
  Task<Next> read_head();
  Task<Next> handle_request();
  /// As one of its route and of this backend.
  void count_for(const std::string& backend);
  void count_connect_failure(ConnectFailure why) {
    exchange_->tally.counters->connect_failures[static_cast<std::size_t>(why)].add();
  }
  void count_retry(RetryReason reason) {
    exchange_->tally.counters->retries[static_cast<std::size_t>(reason)].add();
  }
  /// The answer begins, whoever's it is.
  void count_status(int status);
  /// The request is over.
  void count_request();
  /// The canary, if it gets the request; else `primary`.
  BackendRef choose_canary(const CanaryRules& rules, BackendRef primary);
  /// What the route asks of a request, in ingress-nginx's order (docs/http.md); then forwards it.
  Task<Next> pass_rules(BackendRef backend);
  /// X-Request-ID: the client's, or one that is made here.
  void settle_request_id();
  /// Why a request may not go on; nothing set: it may.
  struct AccessRefusal {
    std::optional<AnswerReason> reason;
    std::string location;  ///< of a redirect
    bool gone = false;     ///< the client has left
  };
  Task<AccessRefusal> check_access(const RouteRules& rules);
  /// Counts the request as its client's. Nothing: that may have it.
  std::optional<AnswerReason> count_client(const ClientLimits& limits);
  /// May wait for a check of the password; then the worker's others go on.
  Task<AccessRefusal> check_password(const table::BasicAuth& basic);
  /// Who takes over for a backend without an endpoint; that one itself if nobody does.
  BackendRef fall_back(BackendRef without_endpoints);
  /// Has the route's error backend answer for `status`. Nothing: it does not; else what becomes of
  /// the connection. `keep_alive`: of the client's connection.
  Task<std::optional<Next>> show_error_page(int status, bool keep_alive);
  bool wants_error_page(int status) const;
  /// Of a relay that holds a response back: an error page takes its place, or it goes on after all.
  Task<bool> settle_held(Relay& relay);
  /// The whole response that `answer` makes.
  std::string make_error_page(const SubrequestAnswer& answer, bool keep_alive);
  /// Which fields all answers to this request have.
  void settle_fields();
  bool has_fields_to_settle() const {
    return exchange_->rules != nullptr || worker_.table.headers() != nullptr;
  }
  /// What responses have in common, weir's own aside.
  ResponseEdit edit_responses() const;
  /// The parts of the request that is under way.
  RequestParts request_parts() const {
    return {exchange_->request, exchange_->origin.client, exchange_->host_name,
            exchange_->origin.scheme};
  }
  /// Of a host that asks for one.
  bool has_right_subject() const;
  /// What CORS says of the route's responses. True: it is the answer already.
  bool settle_cors();
  /// Whom to ask: `what` gets the backend and the lane. False: nobody is there.
  bool find_auth_service(const table::ExternalAuth& auth, std::string_view target,
                         Subrequest::What& what);
  /// For the tunnel that the request becomes; nothing: it is not asked about again.
  std::optional<AuthQuestion> question_of_tunnel();
  void log_auth_failure(const std::string& why);
  /// All of `what`. False: nobody is there.
  bool make_auth_question(const table::ExternalAuth& auth, Subrequest::What& what);
  Task<AccessRefusal> ask_auth_service(const table::ExternalAuth& auth);
  /// Of the service's answer, or one that is known. Nothing: there is none.
  std::optional<util::ContentHash> auth_cache_key(const table::ExternalAuth& auth);
  AccessRefusal settle_verdict(const table::ExternalAuth& auth, AuthVerdict verdict);
  /// Makes a copy of the request, which goes out when its body is whole.
  void begin_mirror(const table::Mirror& mirror, const Forwarded& forwarded,
                    const RequestEdit& edit);
  /// What the route's rules change about the request, but for its fields.
  void edit_request(RequestEdit& edit);
  /// The request came without TLS, and the route has a backend for such.
  BackendRef find_plain_backend();
  /// `lane`: nullptr for plain HTTP.
  Task<Next> forward(BackendRef backend, UpstreamLaneRef lane);
  /// The request is a handshake, which counts from now on.
  void begin_handshake(const std::string& backend);
  /// It has become no tunnel.
  void count_failed_handshake(AnswerReason reason);
  /// May wait for the handshake's turn.
  Task<Admission> admit_tunnel(const Backend& backend, TunnelPermit& permit);
  /// Who takes the request next, where endpoints have a limit. May wait for room at one, so long
  /// that the backend has become another.
  Task<Admission> take_endpoint(BackendRef& backend, Tries& tries, const RequestParts& parts,
                                Affinity& affinity, EndpointRef& endpoint, RequestPlace& place);
  /// One try: sends the request upstream, and the response to the client.
  Task<Outcome> relay(UpstreamConnection& upstream, const EndpointRef& endpoint, UpstreamLane* lane,
                      bool reused, const AllowedRetries& retries, TunnelPermit& permit,
                      EndpointPlace& place);
  Task<Next> answer(AnswerReason reason, std::string location = {}, int redirect_status = 0);
  /// Of weir's own answer to the request under way.
  int own_status(AnswerReason reason) const;
  /// The route wants no more of a client that got this.
  bool closes_after(int status) const;
  Task<Next> redirect(table::Redirect elsewhere);
  /// Where the host's own redirects lead; status 0: nowhere. `path` is normalised.
  table::Redirect host_redirect(const table::HostRedirects& redirects, std::string_view path) const;
  /// Where a plain request goes on a route that is for https only.
  std::string https_location() const;
  /// To a valid handshake: a 101, and the refusal in a Close frame.
  Task<Next> refuse_by_close(AnswerReason reason);
  Task<Next> answer_malformed(AnswerReason reason);
  Task<bool> write_all(std::string bytes);
  /// Waits for the client's FIN for a while, so that it can read what we sent last.
  Task<bool> linger();

  std::string_view buffered() const {
    return {buffer_.get() + begin_, static_cast<std::size_t>(end_ - begin_)};
  }
  bool make_room();
  void take_early();
  void release_buffer();
  bool client_has_left() const;
  bool is_abandoned() const override { return client_has_left(); }

  WorkerState& worker_;
  Stream stream_;
  std::string address_;  // of the client, without port
  AddressCounts::Place place_;
  std::uint64_t requests_ = 0;
  std::unique_ptr<ConnectionEnds> told_;  // by a PROXY header
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<ClientIdentity> identity_;  // if the TLS name's host asked for it

  // Bytes read and not yet consumed: [begin_, end_) of buffer_.
  std::unique_ptr<char[]> buffer_;
  std::uint32_t capacity_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
  std::uint32_t head_length_ = 0;

  std::string early_;  // read behind a chunked body: the next request

  CloseReason closes_for_ = CloseReason::Client;
  bool proxy_header_due_ = false;
  bool handshaken_ = false;  // or plain
  bool serving_ = false;     // a coroutine runs
  bool tunnelled_ = false;   // the tunnel counts on
};

}  // namespace weir::proxy
