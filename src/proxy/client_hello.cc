#include "proxy/client_hello.h"

#include <vector>

namespace weir::proxy {

namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMessageHeader = 4;
constexpr std::size_t kMostRecord = 16 * 1024;
constexpr unsigned kServerName = 0;

/// Reads from the front; once something was missing, everything is.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  std::size_t number(std::size_t width) {
    const auto bytes = take(width);
    std::size_t value = 0;
    for (const auto byte : bytes) value = value << 8 | byte;
    return value;
  }
  std::span<const std::uint8_t> take(std::size_t size) {
    if (!good_ || size > rest_.size()) {
      good_ = false;
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  /// Bytes behind their length, which is `width` bytes wide.
  std::span<const std::uint8_t> vector(std::size_t width) { return take(number(width)); }
  bool empty() const { return rest_.empty(); }
  bool good() const { return good_; }

 private:
  std::span<const std::uint8_t> rest_;
  bool good_ = true;
};

ClientHello not_tls() {
  return {ClientHello::State::NotTls, {}};
}

/// Without its header.
ClientHello read_message(std::span<const std::uint8_t> message) {
  Reader reader(message);
  reader.take(2 + 32);  // legacy_version, random
  reader.vector(1);     // legacy_session_id
  reader.vector(2);     // cipher_suites
  reader.vector(1);     // legacy_compression_methods
  ClientHello hello{ClientHello::State::Complete, {}};
  if (!reader.good()) return not_tls();
  if (reader.empty()) return hello;
  Reader extensions(reader.vector(2));
  if (!reader.good()) return not_tls();
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto content = extensions.vector(2);
    if (!extensions.good()) return not_tls();
    if (type != kServerName) continue;
    if (auto name = read_server_name(content)) hello.server_name = *std::move(name);
  }
  return hello;
}

}  // namespace

std::optional<std::string> read_server_name(std::span<const std::uint8_t> extension) {
  Reader outer(extension);
  Reader list(outer.vector(2));
  if (!outer.good() || !outer.empty()) return std::nullopt;
  const auto type = list.number(1);
  const auto name = list.vector(2);
  if (!list.good() || type != 0 || name.empty()) return std::nullopt;
  return std::string(name.begin(), name.end());
}

ClientHello read_client_hello(std::span<const std::uint8_t> bytes) {
  const bool at_limit = bytes.size() >= ClientHello::kMostBytes;
  std::vector<std::uint8_t> message;
  while (!bytes.empty()) {
    if (bytes[0] != kHandshakeRecord || (bytes.size() > 1 && bytes[1] != 3)) return not_tls();
    if (bytes.size() < kRecordHeader) break;
    const std::size_t length = std::size_t{bytes[3]} << 8 | bytes[4];
    if (length == 0 || length > kMostRecord) return not_tls();
    bytes = bytes.subspan(kRecordHeader);
    const auto part = bytes.first(std::min(length, bytes.size()));
    message.insert(message.end(), part.begin(), part.end());
    bytes = bytes.subspan(part.size());

    if (message.empty()) break;
    if (message[0] != kClientHello) return not_tls();
    if (message.size() < kMessageHeader) continue;
    const std::size_t size =
        std::size_t{message[1]} << 16 | std::size_t{message[2]} << 8 | message[3];
    if (size > ClientHello::kMostBytes) return not_tls();
    if (message.size() >= kMessageHeader + size) {
      return read_message(std::span(message).subspan(kMessageHeader, size));
    }
  }
  return at_limit ? not_tls() : ClientHello{};
}

}  // namespace weir::proxy
