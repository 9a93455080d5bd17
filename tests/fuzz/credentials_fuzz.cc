#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/check.h"
#include "proxy/basic_auth.h"
#include "proxy/options.h"

// The bytes are a head's fields. Whatever they are: credentials come of one Authorization field
// alone, their name has no colon, and they are what they were made of.

namespace {

using weir::fuzz::check;
using weir::proxy::HeadError;
using weir::proxy::RequestHead;

RequestHead parsed(const std::string& bytes, HeadError& error) {
  static const weir::proxy::Limits limits;
  RequestHead head;
  error = weir::proxy::parse_request_head(bytes, limits, head);
  return head;
}

/// RFC 4648 §4.
std::string to_base64(std::string_view bytes) {
  constexpr std::string_view kSigns =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      three = three << 8 | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const bool is_filled = i + j <= bytes.size();
      text += is_filled ? kSigns[three >> (18 - 6 * j) & 63U] : '=';
    }
  }
  return text;
}

void try_fields(std::string_view fields) {
  const auto bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n\r\n";
  auto error = HeadError::None;
  const auto head = parsed(bytes, error);
  if (error != HeadError::None) return;
  const auto told = weir::proxy::read_credentials(head);
  int count = 0;
  for (const auto& field : head.fields) {
    if (weir::proxy::equal_ignoring_case(field.name, "authorization")) ++count;
  }
  if (!told) return;
  check(count == 1, "credentials of no one field");
  check(told->name.find(':') == std::string::npos, "a name with a colon");
}

/// What a client makes of any name and password is read back.
void try_pair(std::string_view bytes) {
  const auto middle = bytes.size() / 2;
  std::string name(bytes.substr(0, middle));
  std::erase(name, ':');
  const std::string password(bytes.substr(middle));
  const auto text = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic " +
                    to_base64(name + ':' + password) + "\r\n\r\n";
  auto error = HeadError::None;
  const auto head = parsed(text, error);
  if (error != HeadError::None) return;  // too long
  const auto told = weir::proxy::read_credentials(head);
  check(told.has_value(), "credentials that are not read");
  check(told->name == name && told->password == password, "credentials that became others");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_fields(bytes);
  try_pair(bytes);
  return 0;
}
