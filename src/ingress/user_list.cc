#include "ingress/user_list.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "table/cbor.h"
#include "table/text_rules.h"

namespace weir::ingress {

namespace {

constexpr const char* kKey = "auth";

bool is_user_text(std::string_view text) {
  return !text.empty() && text.size() <= table::kMaxUserText &&
         !table::has_control_character(text) && table::cbor::is_utf8(text);
}

std::optional<table::User> parse_user(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  const auto colon = line.find(':');
  if (line.starts_with('#') || colon == std::string_view::npos) return std::nullopt;
  const auto name = line.substr(0, colon);
  const auto rest = line.substr(colon + 1);
  const auto hash = rest.substr(0, rest.find(':'));
  if (!is_user_text(name) || !is_user_text(hash)) return std::nullopt;
  return table::User{std::string(name), std::string(hash)};
}

}  // namespace

std::optional<NamespacedName> users_of(const kube::Ingress& ingress, const Policies& policies) {
  const auto& basic = policies.access.basic;
  if (!basic.is_asked || !basic.secret) return std::nullopt;
  auto named = *basic.secret;
  if (named.ns.empty()) named.ns = ingress.meta.ns;
  if (!may_use(named, ingress.meta.ns)) return std::nullopt;
  return named;
}

util::Result<table::Users> read_users(const kube::Secret& secret) {
  const auto found = secret.data.find(kKey);
  if (found == secret.data.end()) return util::malformed(fmt::format("has no key {}", kKey));
  table::Users users{to_string(name_of(secret.meta)), {}};
  std::string_view text = found->second;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto user = parse_user(text.substr(0, end))) users.users.push_back(*std::move(user));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  if (users.users.empty()) {
    return util::malformed(fmt::format("no line under {} is a name, a colon and a hash", kKey));
  }
  if (users.users.size() > table::kMaxUsers) {
    return util::malformed(fmt::format("has more than {} users", table::kMaxUsers));
  }
  return users;
}

std::optional<table::Users> make_users(const ObjectStore& store, const NamespacedName& secret) {
  const auto* found = store.find_secret(secret);
  if (found == nullptr) return std::nullopt;
  auto users = read_users(*found);
  if (!users) return std::nullopt;
  return *std::move(users);
}

}  // namespace weir::ingress
