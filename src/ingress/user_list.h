#pragma once

#include <optional>

#include "ingress/names.h"
#include "ingress/object_store.h"
#include "ingress/policies.h"
#include "kube/objects.h"
#include "table/table.h"
#include "util/result.h"

/// The users of basic auth, as a Secret has them.
namespace weir::ingress {

/// The Secret whose users an Ingress asks for, if it may; nothing otherwise.
std::optional<NamespacedName> users_of(const kube::Ingress& ingress, const Policies& policies);

/// From the lines of htpasswd under the key "auth": "name:hash", and perhaps more behind a second
/// colon. Lines without a colon, and those that begin with '#', are no users, as in nginx.
/// Malformed with a sentence for people, which quotes nothing of the content.
util::Result<table::Users> read_users(const kube::Secret& secret);

/// The same of a Secret by name; nothing: there is none, or it cannot be read.
std::optional<table::Users> make_users(const ObjectStore& store, const NamespacedName& secret);

}  // namespace weir::ingress
