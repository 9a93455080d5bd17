#pragma once

#include <openssl/types.h>

#include "proxy/event_loop.h"

namespace weir::proxy {

/// The end of an SSL object that touches the socket, for both directions. It knows what the loop
/// knows of the socket, and so saves the reads that would only find it empty.
///
/// `io` outlives it. nullptr when memory is out.
BIO* new_tls_bio(IoHandle& io);

/// Whether more records follow at once: the kernel then sends them together. For the writes of
/// `ssl` from now on.
void set_more_follows(SSL* ssl, bool more);

}  // namespace weir::proxy
