#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proxy/client_hello.h"

/// More bytes never turn a whole hello into another.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weir::proxy::ClientHello;
  const auto whole = weir::proxy::read_client_hello({data, size});
  const auto part = weir::proxy::read_client_hello({data, size / 2});
  if (part.state == ClientHello::State::Complete &&
      (whole.state != part.state || whole.server_name != part.server_name)) {
    std::abort();
  }
  return 0;
}
