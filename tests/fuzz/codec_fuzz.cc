#include <cstdlib>

#include "table/codec.h"

/// The first byte chooses the kind; the rest is the resource. What is taken must survive being
/// written and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace weir::table;
  if (size == 0) return 0;
  const auto kind = static_cast<ResourceKind>(data[0] % 4 + 1);
  const auto resource = decode(kind, std::span(data + 1, size - 1));
  if (!resource) return 0;
  const auto again = encode(*resource);
  const auto reread = decode(kind, *again.bytes);
  if (!reread || *reread != *resource || again.key.kind != kind) std::abort();
  return 0;
}
