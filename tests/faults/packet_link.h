#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>

namespace weir::test {

/// A second network on this machine, behind a link that is as bad as the test wants. Two network
/// namespaces, a TUN device in each, and a thread that carries packets from one to the other.
///
/// While it lives, the thread that made it is in the near network, and what it starts is there:
/// sockets, threads, programs. Nothing of the machine's own network changes. Needs root.
class PacketLink {
 public:
  static constexpr const char* kNear = "10.83.0.1";
  static constexpr const char* kFar = "10.83.0.2";

  /// Throws std::runtime_error, with a sentence for people, if this may not be done here.
  PacketLink();
  ~PacketLink();
  PacketLink(const PacketLink&) = delete;
  PacketLink& operator=(const PacketLink&) = delete;

  /// What `make` gives back; the sockets and threads that it makes are in the far network.
  template <class Make>
  auto far(const Make& make) {
    const Visit visit(*this);
    return make();
  }

  /// From any thread, from the next packet on:
  enum class Weather : std::uint8_t {
    Fair,
    BlackHole,    ///< packets vanish
    Unreachable,  ///< packets towards the far network are answered by ICMP host unreachable
  };
  void set_weather(Weather weather);
  /// Each way.
  void set_delay(std::chrono::milliseconds delay);
  /// Of packets, each way; always the same ones of a sequence.
  void set_loss_percent(unsigned percent);
  /// The next packet with data from the far network comes as a reset of its connection.
  void reset_next();
  /// Packets that have vanished so far.
  int lost() const { return lost_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Packet {
    std::string bytes;
    Clock::time_point due;
  };
  struct End {
    int device = -1;
    int network = -1;
    std::deque<Packet> to_it;
  };
  /// The calling thread is in the far network as long as it lives.
  struct Visit {
    explicit Visit(const PacketLink& link);
    ~Visit();
    const PacketLink& link;
  };

  void carry();
  bool take(End& from, End& to);
  static bool deliver(End& end);
  /// True if it was answered, or has vanished.
  bool goes_no_further(std::string& packet, End& from, bool from_far);

  int home_ = -1;  // the network of the thread before
  int stop_[2] = {-1, -1};
  End near_;
  End far_;
  std::mutex mutex_;
  Weather weather_ = Weather::Fair;
  std::chrono::milliseconds delay_{0};
  unsigned loss_percent_ = 0;
  bool reset_next_ = false;
  std::atomic<int> lost_ = 0;
  std::mt19937 random_{1};
  std::thread carrier_;
};

}  // namespace weir::test
