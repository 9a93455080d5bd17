#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "proxy/http_head.h"
#include "table/table.h"

/// Names and passwords of requests, and who may use them (RFC 7617).
namespace weir::proxy {

struct Credentials {
  std::string name;
  std::string password;
};

/// What the request's Authorization field says; nothing: there is none, more than one, or one of
/// another scheme.
std::optional<Credentials> read_credentials(const RequestHead& request);

/// The line of a 401 that asks for them, CRLF included.
std::string make_challenge(std::string_view realm);

/// table::Users, to be searched by name. Immutable, shared by all workers.
class UserList {
 public:
  explicit UserList(const table::Users& users);

  /// nullptr: there is no such user.
  const std::string* find_hash(const std::string& name) const;

 private:
  boost::unordered_flat_map<std::string, std::string> hashes_;
};

}  // namespace weir::proxy
