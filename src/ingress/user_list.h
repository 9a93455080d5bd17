#pragma once

#include <compare>
#include <optional>
#include <string>

#include "ingress/names.h"
#include "ingress/object_store.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "table/table.h"
#include "util/result.h"

/// The users of basic auth, as a Secret has them.
namespace weir::ingress {

/// A Secret with users, and how it has them.
struct UserSource {
  NamespacedName secret;
  bool is_map = false;  ///< each key is a user (auth-map), else one key has lines of htpasswd

  auto operator<=>(const UserSource&) const = default;
};

/// The name of its users in the table.
std::string to_string(const UserSource& source);

/// The users that an Ingress asks for, if it may; nothing otherwise.
std::optional<UserSource> users_of(const kube::Ingress& ingress, const Policies& policies);

/// From the lines of htpasswd under the key "auth": "name:hash", and perhaps more behind a second
/// colon. Lines without a colon, and those that begin with '#', are no users, as in nginx. Of a
/// map, the keys with hashes as values; what is no hash is no user. Malformed with a sentence for
/// people, which quotes nothing of the content.
util::Result<table::Users> read_users(const kube::Secret& secret, bool is_map);

/// The same of a Secret by name; nothing: there is none, or it cannot be read.
std::optional<table::Users> make_users(const ObjectStore& store, const UserSource& source);

}  // namespace weir::ingress
