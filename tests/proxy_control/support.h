#pragma once

#include <chrono>
#include <string>

#include <boost/asio/io_context.hpp>

#include "support/io_thread.h"
#include "table/codec.h"

namespace weir::proxy_control {

using test::IoThread;

/// The longest that a test waits for an event before it fails.
inline constexpr std::chrono::seconds kPatience{60};

/// Runs the io_context on this thread until `done` holds. False: it never did.
template <class Done>
bool run_until(boost::asio::io_context& io, Done done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (io.run_one_for(std::chrono::milliseconds(100)) == 0) io.restart();
  }
  return true;
}

/// A P-256 certificate with its key.
table::Certificate make_certificate(const std::string& name);

inline table::Host make_host(const std::string& name, const std::string& backend = "a/b:80") {
  table::Host host;
  host.name = name;
  host.routes = {{{}, "a/i", false, {{backend, 1}}}};
  return host;
}

inline table::Backend make_backend(const std::string& name, const std::string& address) {
  table::Backend backend;
  backend.name = name;
  backend.endpoints = {{address, address, 80, table::Endpoint::State::Ready, ""}};
  return backend;
}

}  // namespace weir::proxy_control
