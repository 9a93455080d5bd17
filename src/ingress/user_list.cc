#include "ingress/user_list.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "ingress/annotation_values.h"
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

std::vector<table::User> users_of_lines(std::string_view text) {
  std::vector<table::User> users;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (auto user = parse_user(text.substr(0, end))) users.push_back(*std::move(user));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return users;
}

/// Hashes may end in the line's end that whoever made the Secret left there.
std::vector<table::User> users_of_map(const kube::Secret& secret) {
  std::vector<table::User> users;
  for (const auto& [name, value] : secret.data) {
    const auto hash = trimmed(value);
    if (is_user_text(name) && is_user_text(hash)) users.push_back({name, std::string(hash)});
  }
  return users;
}

}  // namespace

std::string to_string(const UserSource& source) {
  return to_string(source.secret) + (source.is_map ? ":map" : "");
}

std::optional<UserSource> users_of(const kube::Ingress& ingress, const Policies& policies) {
  const auto& basic = policies.access.basic;
  if (!basic.is_asked || !basic.secret) return std::nullopt;
  auto named = *basic.secret;
  if (named.ns.empty()) named.ns = ingress.meta.ns;
  if (!may_use(named, ingress.meta.ns)) return std::nullopt;
  return UserSource{std::move(named), basic.is_map};
}

util::Result<table::Users> read_users(const kube::Secret& secret, bool is_map) {
  table::Users users{to_string(UserSource{name_of(secret.meta), is_map}), {}};
  if (is_map) {
    users.users = users_of_map(secret);
    if (users.users.empty()) {
      return util::malformed("no key has the hash of a password as its value");
    }
  } else {
    const auto found = secret.data.find(kKey);
    if (found == secret.data.end()) return util::malformed(fmt::format("has no key {}", kKey));
    users.users = users_of_lines(found->second);
    if (users.users.empty()) {
      return util::malformed(fmt::format("no line under {} is a name, a colon and a hash", kKey));
    }
  }
  if (users.users.size() > table::kMaxUsers) {
    return util::malformed(fmt::format("has more than {} users", table::kMaxUsers));
  }
  return users;
}

std::optional<table::Users> make_users(const ObjectStore& store, const UserSource& source) {
  const auto* found = store.find_secret(source.secret);
  if (found == nullptr) return std::nullopt;
  auto users = read_users(*found, source.is_map);
  if (!users) return std::nullopt;
  return *std::move(users);
}

}  // namespace weir::ingress
