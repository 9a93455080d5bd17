#include "proxy/client_address.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "proxy/target.h"

namespace weir::proxy {

namespace {

constexpr std::size_t kMaxScheme = 16;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80".
std::optional<util::IpAddress> parse_entry(std::string_view entry) {
  auto port = std::string_view();
  if (entry.starts_with('[')) {
    const auto close = entry.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    port = entry.substr(close + 1);
    entry = entry.substr(1, close - 1);
    if (entry.find(':') == std::string_view::npos) return std::nullopt;
  } else if (const auto colon = entry.find(':');
             colon != std::string_view::npos && colon == entry.rfind(':')) {
    port = entry.substr(colon);
    entry = entry.substr(0, colon);
  }
  if (!port.empty()) {
    std::uint16_t number = 0;
    const auto* begin = port.data() + 1;
    const auto* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(begin, end, number);
    if (port.front() != ':' || error != std::errc() || stop != end) return std::nullopt;
  }
  return util::IpAddress::parse(entry);
}

/// All values of a field, joined; a view of the only one, without a copy.
template <class IsIt>
std::string_view join(const RequestHead& head, IsIt is_it, std::string& storage) {
  const Field* first = nullptr;
  bool several = false;
  for (const auto& field : head.fields) {
    if (!is_it(field)) continue;
    if (first == nullptr) {
      first = &field;
      continue;
    }
    if (!several) storage = first->value;
    several = true;
    storage += ", ";
    storage += field.value;
  }
  if (first == nullptr) return {};
  return several ? std::string_view(storage) : first->value;
}

std::string_view first_of(std::string_view list) {
  return trim(list.substr(0, list.find(',')));
}

std::string_view value_of(const RequestHead& head, FieldName id) {
  const auto* field = head.find(id);
  return field == nullptr ? std::string_view() : first_of(field->value);
}

/// RFC 3986 §3.1, and short.
bool is_scheme(std::string_view text) {
  if (text.empty() || text.size() > kMaxScheme) return false;
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return is_letter(text.front()) && std::ranges::all_of(text, [&](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
         });
}

bool is_forwarded_name(FieldName id) {
  return id == FieldName::XForwardedFor || id == FieldName::XForwardedHost;
}

}  // namespace

AddressSet::AddressSet(const std::vector<std::string>& networks) {
  for (const auto& text : networks) {
    const auto prefix = util::IpPrefix::parse(text);
    if (!prefix) continue;
    const auto same = std::ranges::find(lengths_, unsigned{prefix->bits}, &Length::bits);
    auto& length = same == lengths_.end() ? lengths_.emplace_back() : *same;
    length.bits = prefix->bits;
    length.networks.push_back(prefix->address);
  }
  for (auto& length : lengths_) std::ranges::sort(length.networks);
}

bool AddressSet::contains(const util::IpAddress& address) const {
  const bool v4 = address.is_v4();
  return std::ranges::any_of(lengths_, [&](const Length& length) {
    // A longer prefix of IPv4 has its 96 bits in front; a shorter one is of IPv6.
    if (v4 && length.bits < 96) return false;
    return std::ranges::binary_search(length.networks, util::masked(address, length.bits));
  });
}

ForwardedTrust::ForwardedTrust(const table::Forwarded& policy)
    : policy_(policy), trusted_(policy.trusted_cidrs) {}

bool ForwardedTrust::trusts(std::string_view address) const {
  if (trusted_.empty()) return true;
  const auto parsed = util::IpAddress::parse(address);
  return parsed && trusted_.contains(*parsed);
}

util::IpAddress walk_forwarded(const util::IpAddress& peer, std::string_view list,
                               const ForwardedTrust& trust) {
  auto client = peer;
  while (!list.empty() && trust.trusts(client)) {
    const auto comma = list.rfind(',');
    const auto entry = trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
    list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
    if (entry.empty()) continue;
    const auto address = parse_entry(entry);
    if (!address) break;
    client = *address;
  }
  return client;
}

void Origin::read(const RequestHead& head, const Arrival& arrival, const ForwardedTrust& trust) {
  client = forwarded_for = arrival.peer;
  scheme = arrival.https ? "https" : "http";
  https = arrival.https;
  host = head.host;
  port = arrival.port;
  original_for = original_host = {};
  const bool forwarded = std::ranges::any_of(
      head.fields, [](const Field& field) { return is_forwarded_name(field.id); });
  if (forwarded) {
    const auto is = [](FieldName id) {
      return [id](const Field& field) { return field.id == id; };
    };
    original_for = join(head, is(FieldName::XForwardedFor), original_for_text_);
    original_host = join(head, is(FieldName::XForwardedHost), original_host_text_);
  }
  const auto& policy = trust.policy();
  if ((policy.trust_forwarded || policy.trust_address) && trust.trusts(arrival.peer)) {
    read_client(head, arrival, trust);
    if (policy.trust_forwarded) read_trusted(head, arrival, trust);
  }
}

void Origin::read_client(const RequestHead& head, const Arrival& arrival,
                         const ForwardedTrust& trust) {
  const auto& policy = trust.policy();
  const auto list = join(
      head, [&](const Field& field) { return equal_ignoring_case(field.name, policy.header); },
      chain_text_);
  if (const auto peer = util::IpAddress::parse(arrival.peer); peer && !list.empty()) {
    client_text_ = walk_forwarded(*peer, list, trust).text();
    client = client_text_;
  }
  forwarded_for = client;
}

void Origin::read_trusted(const RequestHead& head, const Arrival& arrival,
                          const ForwardedTrust& trust) {
  const auto& policy = trust.policy();
  if (policy.append && !original_for.empty()) {
    full_chain_text_ = original_for;
    full_chain_text_ += ", ";
    full_chain_text_ += arrival.peer;
    forwarded_for = full_chain_text_;
  } else if (policy.append) {
    forwarded_for = arrival.peer;
  }
  if (const auto said = value_of(head, FieldName::XForwardedProto); is_scheme(said)) {
    scheme = said;
    https = equal_ignoring_case(said, "https");
  }
  std::string storage;
  if (const auto said = first_of(original_host); !said.empty() && normalize_host(said, storage)) {
    host = said;
  }
  const auto said = value_of(head, FieldName::XForwardedPort);
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), number);
  if (error == std::errc() && end == said.data() + said.size() && number != 0) port = number;
}

}  // namespace weir::proxy
