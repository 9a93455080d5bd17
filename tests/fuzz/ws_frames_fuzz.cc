#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/check.h"
#include "proxy/frame_watcher.h"

namespace {

using weir::fuzz::check;
using weir::proxy::FrameCounts;
using weir::proxy::FrameWatcher;
using weir::proxy::Opcode;
using Event = FrameWatcher::Event;
using Sender = FrameWatcher::Sender;

/// RFC 6455 §5.2, with all bytes at hand and one number after the other.
class NaiveReader {
 public:
  explicit NaiveReader(std::string_view bytes) : bytes_(bytes) {}

  /// Nothing once a byte was missing.
  std::uint64_t number(int width) {
    std::uint64_t value = 0;
    for (int i = 0; i < width; ++i) {
      if (at_ == bytes_.size()) {
        short_ = true;
        return 0;
      }
      value = value * 256 + static_cast<unsigned char>(bytes_[at_++]);
    }
    return value;
  }
  std::size_t at() const { return at_; }
  bool is_short() const { return short_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool short_ = false;
};

struct NaiveFrame {
  bool wrong = false;  // what no frame of that sender can be
  bool fin = false;
  int opcode = 0;
  std::uint64_t length = 0;
  std::size_t header = 0;
  std::string mask;
};

/// The frame that `bytes` begin with; nothing if its header is not whole.
std::optional<NaiveFrame> naive_frame(std::string_view bytes, Sender sender) {
  NaiveReader reader(bytes);
  NaiveFrame frame;
  const auto first = static_cast<int>(reader.number(1));
  const auto second = static_cast<int>(reader.number(1));
  if (reader.is_short()) return {};
  frame.fin = first >= 128;
  frame.opcode = first % 16;
  const bool masked = second >= 128;
  frame.length = static_cast<std::uint64_t>(second % 128);
  const bool control = frame.opcode >= 8;
  frame.wrong =
      masked != (sender == Sender::Client) || (control && (!frame.fin || frame.length > 125));
  if (frame.wrong) return frame;
  if (frame.length == 126) {
    frame.length = reader.number(2);
  } else if (frame.length == 127) {
    frame.length = reader.number(8);
  }
  for (int i = 0; masked && i < 4; ++i) frame.mask += static_cast<char>(reader.number(1));
  if (reader.is_short()) return {};
  frame.wrong = frame.length >= std::uint64_t{1} << 63;
  frame.header = reader.at();
  return frame;
}

struct Seen {
  Event event;
  std::size_t at;
  bool operator==(const Seen&) const = default;
};

/// All there is to say about a stream.
struct Said {
  std::vector<Seen> events;
  std::vector<bool> boundary;  // behind the first 0, 1, 2… bytes
  std::vector<std::uint64_t> counts = {0, 0, 0, 0, 0};
  std::optional<int> code;  // of the first Close frame
  bool lost = false;
};

Said naive_stream(std::string_view bytes, Sender sender) {
  Said said;
  said.boundary.assign(bytes.size() + 1, false);
  said.boundary[0] = true;
  std::size_t at = 0;
  while (const auto frame = naive_frame(bytes.substr(at), sender)) {
    if (frame->wrong) {
      said.lost = true;
      break;
    }
    at += frame->header;
    said.events.push_back({Event::Header, at});
    if (bytes.size() - at < frame->length) break;
    auto payload = std::string(bytes.substr(at, frame->length));
    at += payload.size();
    said.events.push_back({Event::End, at});
    said.boundary[at] = true;
    if (!frame->mask.empty()) {
      for (std::size_t i = 0; i < payload.size(); ++i) {
        payload[i] = static_cast<char>(payload[i] ^ frame->mask[i % 4]);
      }
    }
    if (frame->opcode < 3) ++said.counts[0];
    if (frame->opcode < 3 && frame->fin) ++said.counts[1];
    if (frame->opcode == 9) ++said.counts[2];
    if (frame->opcode == 10) ++said.counts[3];
    if (frame->opcode != 8) continue;
    ++said.counts[4];
    if (said.code) continue;
    said.code = payload.size() < 2 ? 1005 : static_cast<int>(NaiveReader(payload).number(2));
  }
  return said;
}

/// Sizes of pieces that follow from `pattern`; 0: all at once.
class Cutter {
 public:
  explicit Cutter(std::uint32_t pattern) : pattern_(pattern), state_(pattern) {}

  std::vector<char> cut(std::string_view& rest) {
    state_ = state_ * 1664525U + 1013904223U;
    const auto size = pattern_ == 0 ? rest.size() : 1 + (state_ >> 16) % pattern_ % rest.size();
    // On the heap by itself: a byte read behind it is seen.
    std::vector<char> piece(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(size));
    rest.remove_prefix(size);
    return piece;
  }

 private:
  std::uint32_t pattern_;
  std::uint32_t state_;
};

void check_end(const FrameWatcher& watcher, const Said& said) {
  check(watcher.lost() == said.lost, "the same way of getting lost");
  check(watcher.closed() == said.code.has_value(), "the same Close frame");
  check(watcher.close_code() == said.code.value_or(1005), "the same code");
}

void check_pass(std::string_view bytes, Sender sender, std::uint32_t pattern, const Said& said) {
  FrameWatcher watcher(sender);
  FrameCounts counts;
  Cutter cutter(pattern);
  for (auto rest = bytes; !rest.empty();) {
    watcher.pass(cutter.cut(rest), counts);
    check(watcher.at_boundary() == (!watcher.lost() && said.boundary[bytes.size() - rest.size()]),
          "the same boundaries");
  }
  check(said.counts ==
            std::vector{counts.data, counts.messages, counts.pings, counts.pongs, counts.closes},
        "the same counts");
  check_end(watcher, said);
}

void check_next(std::string_view bytes, Sender sender, std::uint32_t pattern, const Said& said) {
  FrameWatcher watcher(sender);
  std::vector<Seen> events;
  Cutter cutter(pattern);
  std::size_t at = 0;
  for (auto rest = bytes; !rest.empty() && !watcher.lost();) {
    const auto piece = cutter.cut(rest);
    std::span<const char> left = piece;
    for (;;) {
      const auto step = watcher.next(left);
      check(step.used <= left.size(), "no more than there is");
      left = left.subspan(step.used);
      at += step.used;
      if (step.event == Event::Lost) break;
      if (step.event == Event::More) {
        check(left.empty(), "all is used until the next event");
        break;
      }
      events.push_back({step.event, at});
      if (step.event == Event::Header) {
        const auto begin = events.size() < 2 ? 0 : events[events.size() - 2].at;
        const auto naive = naive_frame(bytes.substr(begin), sender);
        const auto& frame = watcher.frame();
        check(naive.has_value(), "a header is there");
        check(frame.length == naive->length && frame.fin == naive->fin &&
                  frame.opcode == Opcode(naive->opcode) && frame.masked == !naive->mask.empty() &&
                  (naive->mask.empty() ||
                   naive->mask == std::string(frame.mask.begin(), frame.mask.end())),
              "the same header");
      }
    }
  }
  check(events == said.events, "the same events");
  check_end(watcher, said);
}

}  // namespace

/// The first byte says who sends and how the stream is cut into pieces; the rest is the stream.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  const auto sender = data[0] % 2 == 0 ? Sender::Client : Sender::Server;
  const auto said = naive_stream(bytes, sender);
  for (const std::uint32_t pattern : {0U, 1U, 16U, 1U + data[0]}) {
    check_pass(bytes, sender, pattern, said);
    check_next(bytes, sender, pattern, said);
  }
  return 0;
}
