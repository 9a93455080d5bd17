#pragma once

#include <string>

#include "proxy/body_rate.h"
#include "proxy/client_connection.h"
#include "proxy/reader_rate.h"
#include "proxy/response_pace.h"

namespace weir::proxy {

/// One try to have a request answered by one endpoint: the request goes out while the response
/// comes in, each as fast as the other side takes it. The steps do as much as they can without
/// waiting and say whether they did anything; `ClientConnection::relay` waits when neither did.
class ClientConnection::Relay {
 public:
  Relay(ClientConnection& connection, Stream& backend, bool reused, const AllowedRetries& retries);

  /// Ends when `over()`.
  bool step();
  bool over() const { return over_; }
  const Outcome& outcome() const { return outcome_; }

  /// How long it may take until one of the steps does something.
  std::chrono::milliseconds patience() const;
  void time_out();
  /// Neither connection goes on. A client that has part of a response can tell.
  void abort();
  /// The client went away while it was to wait.
  void client_left();

  /// There is a response of which an error page may take the place. `drop_held`: one did, and with
  /// the client it goes on as `next` says. `go_on`: none did.
  bool is_held() const { return !held_response_.empty(); }
  int held_status() const { return held_status_; }
  bool may_keep_client() const;
  void drop_held(Next next);
  void go_on();

  /// A whole head of a final response came.
  bool answered() const { return phase_ != Phase::Head || tunnel_ || held_status_ != 0; }
  /// The response's end was clean and the connection may carry another request.
  bool reusable() const { return reusable_; }
  /// After a 101: what of it the client has not yet taken.
  bool tunnel() const { return tunnel_; }
  std::string take_unsent() { return std::move(to_client_); }
  /// What came right behind the 101, sent or not.
  std::string take_seen() { return std::move(seen_); }

 private:
  enum class Phase : std::uint8_t { Head, Body, Done };

  bool send_request();
  bool send_request_body();
  bool waits_for_client() const;
  bool receive_response();
  /// Looks at bytes of the response; what has to wait is kept in `partial_head_`.
  void take_response(std::span<char> bytes);
  /// Returns the bytes used; 0: the head is not whole yet, or over().
  std::size_t take_head(std::span<char> bytes);
  void respond_with(std::span<char> body_start, std::size_t& used);
  /// For a response whose head is in the exchange, and which may be rewritten.
  ResponseEdit edit_for(int status);
  /// Keeps `bytes`, a response of which the head has `head_length`.
  void hold(std::span<char> bytes, std::size_t head_length);
  bool request_is_out() const {
    return exchange_.request_body.done() && head_sent_ && to_backend_.empty();
  }
  /// The endpoint's head goes on to the client.
  void answer_begins(int status);
  void switch_protocols(std::span<char> rest);
  void take_body(std::span<char> bytes);
  void backend_ended(bool failed);
  /// Where to read into. Less while `careful` lasts, which it lowers: the side that it goes on to
  /// did not take a large read as a whole, and what it leaves is copied.
  std::span<char> room(std::uint8_t& careful) const;
  void emit(const Gather& gather);
  void emit(std::span<const char> bytes);
  /// Bytes begin to wait for the client.
  void client_falls_behind();
  /// Some of them went out.
  void client_took_some();
  bool client_reads_on();
  std::uint64_t acknowledged() const;
  bool flush(std::string& bytes, Stream& to, bool& failed);
  void settle();

  void finish(Outcome outcome) {
    if (over_) return;
    over_ = true;
    outcome_ = outcome;
  }
  /// weir answers instead or another endpoint does, unless the client waits for the rest of an
  /// interim response.
  void fail(AnswerReason reason);
  /// The client has seen nothing yet, and the request is still here as a whole.
  bool may_repeat() const;

  ClientConnection& connection_;
  WorkerState& worker_;
  Exchange& exchange_;
  Stream& client_;
  Stream& backend_;
  const bool reused_;
  const AllowedRetries& retries_;

  bool over_ = false;
  Outcome outcome_;

  bool head_sent_ = false;
  bool backend_deaf_ = false;  // it takes no more bytes; it may have answered all the same
  std::string to_backend_;     // unsent
  HeldBytes::Holder held_;
  BodyRate body_rate_;
  bool body_read_ = false;  // bytes of the body came after the head's buffer: no second try

  Phase phase_ = Phase::Head;
  bool heard_ = false;     // bytes of a response were seen
  bool informed_ = false;  // the client got a 1xx
  HeadScanner scanner_;
  std::string partial_head_;
  Body response_body_;
  bool strip_chunks_ = false;
  bool end_shows_length_ = false;  // the client knows the body's end by the connection's
  bool keep_alive_ = false;
  bool reusable_ = false;
  bool tunnel_ = false;
  int held_status_ = 0;         // 0: no response has been held
  bool held_is_whole_ = false;  // and its connection may be kept
  std::string held_response_;
  std::string seen_;
  bool client_failed_ = false;
  std::string to_client_;  // unsent
  ReaderRate reader_rate_;
  ResponsePace pace_;
  bool is_paced_ = false;  // nothing is read for a while, so that no more than the pace goes out
  std::uint8_t careful_to_client_ = 0;
  std::uint8_t careful_to_backend_ = 0;
};

}  // namespace weir::proxy
