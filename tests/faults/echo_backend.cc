// A backend that a test can kill: echoes WebSockets until then. Prints its port.
#include <unistd.h>

#include <iostream>

#include "support/websocket_peer.h"

int main() {
  const weir::test::Backend backend(
      [](weir::test::Socket& socket) { weir::test::websocket_echo(socket); });
  std::cout << "listening on 127.0.0.1:" << backend.port() << std::endl;
  for (;;) ::pause();
}
