#include "proxy/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace weir::proxy {

namespace {

using State = ProxyHeader::State;
using util::IpAddress;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixed = 16;

// Of version 2: command, and family with protocol.
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;

ProxyHeader malformed() {
  return {State::Malformed, 0, std::nullopt};
}

bool starts_alike(std::string_view bytes, std::string_view want) {
  const auto size = std::min(bytes.size(), want.size());
  return bytes.substr(0, size) == want.substr(0, size);
}

/// The text up to the next space, which is taken as well.
std::string_view next_word(std::string_view& line) {
  const auto space = line.find(' ');
  const auto word = line.substr(0, space);
  line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  return word;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool padded = text.size() > 1 && text.front() == '0';
  return error == std::errc() && end == text.data() + text.size() && !padded;
}

bool read_address(std::string_view text, bool v6, IpAddress& address) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed || (text.find(':') != std::string_view::npos) != v6) return false;
  address = *parsed;
  return true;
}

ProxyHeader read_text(std::string_view bytes) {
  const auto end = bytes.substr(0, ProxyHeader::kMostText).find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() >= ProxyHeader::kMostText ? malformed() : ProxyHeader{};
  }
  ProxyHeader header{State::Complete, end + 2, std::nullopt};
  auto line = bytes.substr(kText.size(), end - kText.size());
  const auto family = next_word(line);
  if (family == "UNKNOWN") return header;
  if (family != "TCP4" && family != "TCP6") return malformed();
  const bool v6 = family == "TCP6";
  auto& ends = header.ends.emplace();
  const auto source = next_word(line);
  const auto destination = next_word(line);
  const auto source_port = next_word(line);
  // The rest: a further word would not be a port.
  const bool good =
      read_address(source, v6, ends.source) && read_address(destination, v6, ends.destination) &&
      read_port(source_port, ends.source_port) && read_port(line, ends.destination_port);
  return good ? header : malformed();
}

const std::uint8_t* octets(std::string_view bytes) {
  return reinterpret_cast<const std::uint8_t*>(bytes.data());
}

std::uint16_t big_u16(std::string_view bytes) {
  return static_cast<std::uint16_t>(octets(bytes)[0] << 8 | octets(bytes)[1]);
}

/// Bytes that the addresses of a family take; nullopt: no such family or protocol.
std::optional<std::size_t> address_bytes(std::uint8_t family) {
  switch (family) {
    case 0x00:  // not told
      return 0;
    case kTcp4:
    case 0x12:  // UDP
      return 12;
    case kTcp6:
    case 0x22:
      return 36;
    case 0x31:  // UNIX
    case 0x32:
      return 216;
    default:
      return std::nullopt;
  }
}

ProxyHeader read_binary(std::string_view bytes) {
  if (bytes.size() > 12 && octets(bytes)[12] != kLocal && octets(bytes)[12] != kProxy) {
    return malformed();
  }
  if (bytes.size() < kFixed) return {};
  const std::size_t attached = big_u16(bytes.substr(14));
  if (attached > ProxyHeader::kMostAttached) return malformed();
  const bool local = octets(bytes)[12] == kLocal;
  const auto family = octets(bytes)[13];
  const auto needed = address_bytes(family);
  if (!local && (!needed || attached < *needed)) return malformed();
  if (bytes.size() < kFixed + attached) return {};
  ProxyHeader header{State::Complete, kFixed + attached, std::nullopt};
  if (local || (family != kTcp4 && family != kTcp6)) return header;
  const auto addresses = bytes.substr(kFixed);
  auto& ends = header.ends.emplace();
  if (family == kTcp4) {
    ends.source = IpAddress::from_v4(octets(addresses));
    ends.destination = IpAddress::from_v4(octets(addresses) + 4);
  } else {
    ends.source = IpAddress::from_v6(octets(addresses));
    ends.destination = IpAddress::from_v6(octets(addresses) + 16);
  }
  ends.source_port = big_u16(addresses.substr(*needed - 4));
  ends.destination_port = big_u16(addresses.substr(*needed - 2));
  return header;
}

void add_u16(std::string& out, std::size_t number) {
  out += static_cast<char>(number >> 8 & 0xff);
  out += static_cast<char>(number & 0xff);
}

/// An IPv4 address beside one of IPv6 is written mapped.
std::string text_of(const IpAddress& address, bool v4) {
  return (address.is_v4() && !v4 ? "::ffff:" : "") + address.text();
}

void add_address(std::string& out, const IpAddress& address, bool v4) {
  for (std::size_t i = v4 ? 12 : 0; i < address.bytes.size(); ++i) {
    out += static_cast<char>(address.bytes[i]);
  }
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (starts_alike(bytes, kText)) {
    return bytes.size() < kText.size() ? ProxyHeader{} : read_text(bytes);
  }
  if (starts_alike(bytes, kBinary)) {
    return bytes.size() < kBinary.size() ? ProxyHeader{} : read_binary(bytes);
  }
  return malformed();
}

std::string make_proxy_header(table::ProxyProtocol version, const ConnectionEnds& ends) {
  const bool v4 = ends.source.is_v4() && ends.destination.is_v4();
  if (version == table::ProxyProtocol::V1) {
    std::string line(kText);
    line += v4 ? "TCP4 " : "TCP6 ";
    line += text_of(ends.source, v4) + " " + text_of(ends.destination, v4) + " ";
    line += std::to_string(ends.source_port) + " " + std::to_string(ends.destination_port) + "\r\n";
    return line;
  }
  std::string bytes(kBinary);
  bytes += static_cast<char>(kProxy);
  bytes += static_cast<char>(v4 ? kTcp4 : kTcp6);
  add_u16(bytes, v4 ? 12 : 36);
  add_address(bytes, ends.source, v4);
  add_address(bytes, ends.destination, v4);
  add_u16(bytes, ends.source_port);
  add_u16(bytes, ends.destination_port);
  return bytes;
}

}  // namespace weir::proxy
