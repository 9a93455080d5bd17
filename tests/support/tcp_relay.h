#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <set>
#include <thread>

namespace weir::test {

/// Passes TCP connections on to a port of 127.0.0.1, as long as it is not cut: the network between
/// two programs.
class TcpRelay {
 public:
  explicit TcpRelay(std::uint16_t target);
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  std::uint16_t port() const { return port_; }
  /// Ends all connections. New ones end as soon as they begin.
  void cut();
  void restore();
  /// Connections passed on so far.
  int passed() const;

 private:
  void accept_all();
  void pass_on(int client);

  const std::uint16_t target_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::list<std::thread> threads_;
  std::set<int> open_;
  int passed_ = 0;
  bool is_cut_ = false;
  bool is_ending_ = false;
  std::thread acceptor_;
};

}  // namespace weir::test
