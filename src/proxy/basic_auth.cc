#include "proxy/basic_auth.h"

#include <algorithm>

#include <fmt/format.h>

#include "util/base64.h"

namespace weir::proxy {

std::optional<Credentials> read_credentials(const RequestHead& request) {
  constexpr std::string_view kScheme = "Basic ";
  const Field* found = nullptr;
  for (const auto& field : request.fields) {
    if (!equal_ignoring_case(field.name, "Authorization")) continue;
    if (found != nullptr) return std::nullopt;
    found = &field;
  }
  if (found == nullptr || !equal_ignoring_case(found->value.substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  auto text = found->value.substr(kScheme.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto bytes = util::decode_base64(text);
  if (!bytes) return std::nullopt;
  const auto colon = bytes->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{bytes->substr(0, colon), bytes->substr(colon + 1)};
}

std::string make_challenge(std::string_view realm) {
  return fmt::format("WWW-Authenticate: Basic realm=\"{}\"\r\n", realm);
}

UserList::UserList(const table::Users& users) {
  hashes_.reserve(users.users.size());
  for (const auto& user : users.users) hashes_.emplace(user.name, user.hash);
}

const std::string* UserList::find_hash(const std::string& name) const {
  const auto found = hashes_.find(name);
  return found == hashes_.end() ? nullptr : &found->second;
}

}  // namespace weir::proxy
