#pragma once

#include <string>

namespace weir::proxy {

/// Whether a password is that of a hash as a line of htpasswd has it: "$apr1$…", "{SHA}…",
/// "{SSHA}…", "{PLAIN}…", or what crypt(5) knows, bcrypt among it. False for what is no hash. Takes
/// from a microsecond up to seconds, as the hash says. From any thread.
bool password_fits(const std::string& hash, const std::string& password);

}  // namespace weir::proxy
