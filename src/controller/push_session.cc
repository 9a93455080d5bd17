#include "controller/push_session.h"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include "util/log.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace log = util::log;
using namespace asio::experimental::awaitable_operators;

namespace {

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxHeld = 2'000'000;          // resources that a Hello may name
constexpr std::size_t kReadStep = 64 * 1024;         // a body's memory grows with what really comes
constexpr std::size_t kRemoveBytes = 64;             // about what CBOR adds to a name
constexpr const char* kMalformed = "malformed";      // bytes that are no frame, or a wrong body
constexpr const char* kUnsupported = "unsupported";  // another version, an unknown kind
constexpr const char* kUnexpected = "unexpected";    // a right frame at a wrong time
constexpr const char* kCut = "cut";                  // the end in the middle of a frame
constexpr const char* kSlow = "slow";                // a frame or an answer that takes too long

const char* label_of(const util::Error& error) {
  return error.code == util::Error::Code::Unsupported ? kUnsupported : kMalformed;
}

std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

PushSession::PushSession(Socket socket, std::string peer, PushDeadlines deadlines,
                         const PublishedTable& table, Metrics& metrics, RefusalHandler on_refusal)
    : socket_(std::move(socket)),
      peer_(std::move(peer)),
      deadlines_(deadlines),
      table_(table),
      metrics_(metrics),
      on_refusal_(std::move(on_refusal)),
      wake_up_(socket_.get_executor(), Deadline::max()),
      answer_timer_(socket_.get_executor()) {}

void PushSession::start(std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  run(&PushSession::read_all);
  run(&PushSession::write_all);
}

void PushSession::run(asio::awaitable<void> (PushSession::*direction)()) {
  ++directions_;
  const auto self = shared_from_this();
  asio::co_spawn(socket_.get_executor(), (this->*direction)(),
                 [self](const std::exception_ptr& thrown) {
                   if (thrown) self->end({"", "out of memory"});  // nothing else throws
                   if (--self->directions_ == 0) std::exchange(self->on_end_, {})();
                 });
}

void PushSession::table_changed(const std::vector<table::ResourceKey>& changed) {
  // Before its first Update it will be given everything that differs anyway.
  if (was_updated_) dirty_.insert(changed.begin(), changed.end());
  wake_up_.cancel();
}

void PushSession::end(End why) {
  if (std::exchange(is_ended_, true)) return;
  if (*why.reason != '\0') metrics_.frame_refused(why.reason);
  if (!why.detail.empty()) log::warning("{}: {}; the connection is closed", peer_, why.detail);
  boost::system::error_code ignored;
  socket_.close(ignored);
  wake_up_.cancel();
  answer_timer_.cancel();
}

asio::awaitable<void> PushSession::read_all() {
  if (auto why = co_await read_hello()) {
    end(std::move(*why));
    co_return;
  }
  has_said_hello_ = true;
  wake_up_.cancel();
  while (!is_ended_) {
    auto step = co_await read_frame(std::nullopt);
    std::optional<End> why;
    if (const Frame* frame = std::get_if<Frame>(&step)) {
      why = take_answer(*frame);
    } else {
      why = std::get<End>(std::move(step));
    }
    if (why) end(std::move(*why));
  }
}

asio::awaitable<std::optional<PushSession::End>> PushSession::read_hello() {
  const Deadline deadline = std::chrono::steady_clock::now() + deadlines_.hello;
  for (;;) {
    auto step = co_await read_frame(deadline);
    if (End* why = std::get_if<End>(&step)) co_return std::move(*why);
    const Frame& frame = std::get<Frame>(step);
    if (frame.kind != table::FrameKind::Hello) {
      co_return End{kUnexpected, "the first frame is no Hello"};
    }
    auto hello = table::decode_hello(frame.body);
    if (!hello) co_return End{label_of(hello.error()), hello.error().detail};
    held_.merge(hello->held);
    if (held_.size() > kMaxHeld) co_return End{kMalformed, "Hello names too many resources"};
    if (hello->last) {
      log::info("{} is {} and holds {} resources", peer_, printable(hello->software), held_.size());
      co_return std::nullopt;
    }
  }
}

/// Without a deadline the proxy may be silent for ever; a frame that it began it must finish in
/// time.
asio::awaitable<PushSession::Step<PushSession::Frame>> PushSession::read_frame(
    std::optional<Deadline> deadline) {
  if (!deadline) {
    const auto [error] = co_await socket_.async_wait(Socket::wait_read, kToken);
    if (error) co_return End{};
    deadline = std::chrono::steady_clock::now() + deadlines_.frame;
  }
  std::array<std::uint8_t, table::FrameHeader::kSize> head{};
  if (auto why = co_await read_bytes(asio::buffer(head, 1), *deadline, false)) {
    co_return std::move(*why);
  }
  if (auto why = co_await read_bytes(asio::buffer(head) + 1, *deadline, true)) {
    co_return std::move(*why);
  }
  const auto header = table::parse_frame_header(head);
  if (!header) co_return End{label_of(header.error()), header.error().detail};
  Frame frame{header->kind, {}};
  while (frame.body.size() < header->length) {
    const std::size_t begin = frame.body.size();
    frame.body.resize(std::min<std::size_t>(header->length, begin + kReadStep));
    if (auto why = co_await read_bytes(asio::buffer(frame.body) + begin, *deadline, true)) {
      co_return std::move(*why);
    }
  }
  co_return frame;
}

asio::awaitable<std::optional<PushSession::End>> PushSession::read_bytes(asio::mutable_buffer bytes,
                                                                         Deadline deadline,
                                                                         bool is_inside_frame) {
  asio::steady_timer timer(socket_.get_executor(), deadline);
  const auto done = co_await (asio::async_read(socket_, bytes, kToken) || timer.async_wait(kToken));
  if (done.index() == 1) co_return End{kSlow, "a frame takes too long to come"};
  const auto error = std::get<0>(std::get<0>(done));
  if (!error) co_return std::nullopt;
  if (is_inside_frame) co_return End{kCut, "the proxy hung up inside a frame"};
  co_return End{"", has_said_hello_ ? "" : "the proxy hung up before its Hello"};
}

std::optional<PushSession::End> PushSession::take_answer(const Frame& frame) {
  switch (frame.kind) {
    case table::FrameKind::Ack:
      return take_ack(frame);
    case table::FrameKind::Nack:
      return take_nack(frame);
    case table::FrameKind::Hello:
    case table::FrameKind::Update:
      break;
  }
  return End{kUnexpected, "a frame that answers no Update"};
}

std::optional<PushSession::End> PushSession::take_ack(const Frame& frame) {
  const auto ack = table::decode_ack(frame.body);
  if (!ack) return End{label_of(ack.error()), ack.error().detail};
  if (!is_sent_ || ack->generation != generation_) {
    return End{kUnexpected,
               fmt::format("Ack of generation {}, which is not awaited", ack->generation)};
  }
  for (const auto& [key, hash] : pending_) {
    if (hash) {
      held_[key] = *hash;
    } else {
      held_.erase(key);
    }
  }
  metrics_.ack_received(acknowledged_, ack->generation);
  acknowledged_ = ack->generation;
  log::debug("{} runs generation {}", peer_, ack->generation);
  pending_.clear();
  generation_.reset();
  is_sent_ = false;
  answer_timer_.cancel();
  wake_up_.cancel();
  return std::nullopt;
}

std::optional<PushSession::End> PushSession::take_nack(const Frame& frame) {
  auto nack = table::decode_nack(frame.body);
  if (!nack) return End{label_of(nack.error()), nack.error().detail};
  if (nack->generation != generation_) {
    return End{kUnexpected,
               fmt::format("Nack of generation {}, which is not awaited", nack->generation)};
  }
  const auto sent = pending_.find(nack->key);
  if (sent == pending_.end() || !sent->second) {
    return End{kUnexpected, "Nack of a resource that was not sent"};
  }
  metrics_.nack_received();
  const Refusal refusal{nack->key, *sent->second, printable(std::move(nack->reason))};
  refused_[refusal.key] = refusal.hash;
  pending_.erase(sent);
  log::warning("{} cannot take {}: {}", peer_, table::to_string(refusal.key), refusal.reason);
  on_refusal_(refusal);
  return std::nullopt;
}

bool PushSession::has_work() const {
  return has_said_hello_ && table_.is_complete() && !generation_ &&
         (!was_updated_ || !dirty_.empty());
}

asio::awaitable<void> PushSession::write_all() {
  while (!is_ended_) {
    if (has_work()) {
      collect_update();
      // The first one is sent even when it is empty: it tells the proxy that its table is complete.
      if (!was_updated_ || !pending_.empty()) {
        was_updated_ = true;
        co_await write_update();
      }
    } else {
      co_await wake_up_.async_wait(kToken);
    }
  }
}

void PushSession::collect_update() {
  if (was_updated_) {
    for (const auto& key : std::exchange(dirty_, {})) collect(key);
    return;
  }
  for (const auto& [key, resource] : table_.resources()) collect(key);
  for (const auto& [key, hash] : held_) {
    if (!table_.find(key)) collect(key);
  }
}

void PushSession::collect(const table::ResourceKey& key) {
  const auto* wanted = table_.find(key);
  const auto held = held_.find(key);
  const auto refused = refused_.find(key);
  if (refused != refused_.end()) {
    if (wanted && wanted->hash == refused->second) return;
    refused_.erase(refused);
  }
  if (!wanted) {
    if (held == held_.end()) return;
    pending_.emplace(key, std::nullopt);
    removes_.push_back(key);
  } else if (held == held_.end() || held->second != wanted->hash) {
    pending_.emplace(key, wanted->hash);
    upserts_.push_back(*wanted);
  }
}

/// In parts that are made one by one, so that a slow proxy costs one part of memory.
asio::awaitable<void> PushSession::write_update() {
  generation_ = table_.generation();
  const auto upserts = std::exchange(upserts_, {});
  const auto removes = std::exchange(removes_, {});
  auto upsert = upserts.begin();
  auto remove = removes.begin();
  do {
    table::Update part;
    part.generation = *generation_;
    std::size_t size = 0;
    for (; upsert != upserts.end() && size < table::FrameHeader::kPartSize; ++upsert) {
      size += upsert->bytes->size() + upsert->key.name.size() + kRemoveBytes;
      part.upserts.push_back(*upsert);
    }
    for (; remove != removes.end() && size < table::FrameHeader::kPartSize; ++remove) {
      size += remove->name.size() + kRemoveBytes;
      part.removes.push_back(*remove);
    }
    part.last = upsert == upserts.end() && remove == removes.end();
    if (part.last) expect_answer();
    co_await write_frame(table::encode_frame(part));
    if (is_ended_) co_return;
  } while (upsert != upserts.end() || remove != removes.end());
  metrics_.update_sent(pending_.size());
}

void PushSession::expect_answer() {
  is_sent_ = true;
  answer_timer_.expires_after(deadlines_.frame + deadlines_.answer);
  answer_timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && self->is_sent_) self->end({kSlow, "an Update is not acknowledged"});
  });
}

asio::awaitable<void> PushSession::write_frame(table::Bytes frame) {
  asio::steady_timer timer(socket_.get_executor(), deadlines_.frame);
  const auto done = co_await (asio::async_write(socket_, asio::buffer(frame), kToken) ||
                              timer.async_wait(kToken));
  if (done.index() == 1) {
    end({kSlow, "the proxy does not read"});
  } else if (std::get<0>(std::get<0>(done))) {
    end({"", "the proxy hung up before it had its Update"});
  }
}

}  // namespace weir::controller
