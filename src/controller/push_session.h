#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include "controller/metrics.h"
#include "controller/published_table.h"
#include "table/frame.h"

namespace weir::controller {

/// How long a proxy may take.
struct PushDeadlines {
  std::chrono::milliseconds hello{30'000};    ///< from accept until its last Hello
  std::chrono::milliseconds frame{30'000};    ///< from a frame's first byte to its last, either way
  std::chrono::milliseconds answer{300'000};  ///< from an Update's last byte to its Ack
};

/// A proxy could not take a resource in the version with this hash.
struct Refusal {
  table::ResourceKey key;
  util::ContentHash hash{};
  std::string reason;
};
using RefusalHandler = std::function<void(const Refusal&)>;

/// One proxy on the control socket (docs/control-socket.md): its Hello, then Updates of what
/// differs from what it holds, one at a time. What changes while it works on one is gathered, by
/// key, into the next. Whatever the proxy does or sends, only this session ends. For the thread of
/// the io_context.
class PushSession : public std::enable_shared_from_this<PushSession> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  /// `table` and `metrics` outlive every run of the io_context.
  PushSession(Socket socket, std::string peer, PushDeadlines deadlines, const PublishedTable& table,
              Metrics& metrics, RefusalHandler on_refusal);

  /// Calls `on_end` once, when both directions are at rest.
  void start(std::function<void()> on_end);
  void table_changed(const std::vector<table::ResourceKey>& changed);
  void stop() { end({}); }

 private:
  struct Frame {
    table::FrameKind kind = table::FrameKind::Hello;
    table::Bytes body;
  };
  /// Why a session ends. `reason` is a label of weir_controller_refused_frames_total, empty where
  /// no frame is to blame.
  struct End {
    const char* reason = "";
    std::string detail;  ///< empty: not worth a line
  };
  template <class T>
  using Step = std::variant<T, End>;
  using Deadline = std::chrono::steady_clock::time_point;

  void run(boost::asio::awaitable<void> (PushSession::*direction)());
  boost::asio::awaitable<void> read_all();
  boost::asio::awaitable<void> write_all();
  boost::asio::awaitable<std::optional<End>> read_hello();
  boost::asio::awaitable<Step<Frame>> read_frame(std::optional<Deadline> deadline);
  boost::asio::awaitable<std::optional<End>> read_bytes(boost::asio::mutable_buffer bytes,
                                                        Deadline deadline, bool is_inside_frame);
  boost::asio::awaitable<void> write_frame(table::Bytes frame);
  boost::asio::awaitable<void> write_update();
  std::optional<End> take_answer(const Frame& frame);
  std::optional<End> take_ack(const Frame& frame);
  std::optional<End> take_nack(const Frame& frame);

  bool has_work() const;
  void collect_update();
  void collect(const table::ResourceKey& key);
  void expect_answer();
  void end(End why);

  Socket socket_;
  const std::string peer_;
  const PushDeadlines deadlines_;
  const PublishedTable& table_;
  Metrics& metrics_;
  RefusalHandler on_refusal_;
  boost::asio::steady_timer wake_up_;
  boost::asio::steady_timer answer_timer_;
  std::function<void()> on_end_;
  int directions_ = 0;  // that are not at rest
  bool is_ended_ = false;

  // What the proxy has said that it holds, changed by what it acknowledges.
  std::map<table::ResourceKey, util::ContentHash> held_;
  // Versions that it could not take, and is not sent again.
  std::map<table::ResourceKey, util::ContentHash> refused_;
  bool has_said_hello_ = false;
  bool was_updated_ = false;  // at least once
  std::set<table::ResourceKey> dirty_;

  // The Update under way: sent or being sent, not acknowledged. No hash: a remove.
  std::map<table::ResourceKey, std::optional<util::ContentHash>> pending_;
  std::vector<table::EncodedResource> upserts_;
  std::vector<table::ResourceKey> removes_;
  std::optional<std::uint64_t> generation_;
  std::uint64_t acknowledged_ = 0;  // the generation that it runs; 0: none of this controller's
  bool is_sent_ = false;            // its last part at least is on the way
};

}  // namespace weir::controller
