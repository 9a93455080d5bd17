#pragma once

#include <sys/types.h>

#include <string>

#include "util/result.h"

namespace weir::util {

/// Listens on a Unix stream socket of that mode (0660) in a folder that exists. A socket that
/// nobody listens on any more is replaced; one that somebody listens on, and any other file, is
/// left alone (an error). The descriptor is non-blocking, and the caller's.
Result<int> listen_unix(const std::string& path, mode_t mode);

/// Who is at the other end of a Unix socket (SO_PEERCRED, unix(7)).
struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};
Result<Peer> peer_of(int fd);

/// Proxies run as our user, or as root, or, in a container of their own, at least in our group. The
/// table carries private keys: nobody else gets it, whatever the mode of the folder.
bool is_allowed(const Peer& peer, uid_t own_uid, gid_t own_gid);

}  // namespace weir::util
