#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

namespace example {

/// What one person wrote, as the page sends and reads it: a JSON text that the server never looks
/// into. One copy, however many it goes to.
using Message = std::shared_ptr<const std::string>;

/// What waits to be sent over one connection. Belongs to one thread.
class Outbox {
 public:
  static constexpr std::size_t kMaxMessages = 256;

  explicit Outbox(const boost::asio::any_io_executor& executor);

  /// False, and nothing is kept, if the other side is kMaxMessages behind.
  bool push(Message message);
  /// Ends the writer once what waits is sent.
  void close();
  bool closed() const { return closed_; }
  /// The oldest message, waiting for one if need be; nullptr after close().
  boost::asio::awaitable<Message> pop();

 private:
  std::deque<Message> messages_;
  bool closed_ = false;
  boost::asio::steady_timer news_;  // never expires; cancelled when there is something to pop
};

/// Everybody connected to this replica, and the links to the other replicas.
///
/// A message of a member goes to all members here, its author included, and over every link. A
/// message that came from another replica goes to the members here only, so that none circles.
class Room {
 public:
  /// Leaves the room when it goes.
  class Seat {
   public:
    Seat(std::set<Outbox*>& seats, Outbox& outbox) : seats_(seats), outbox_(outbox) {
      seats_.insert(&outbox_);
    }
    ~Seat() { seats_.erase(&outbox_); }
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;

   private:
    std::set<Outbox*>& seats_;
    Outbox& outbox_;
  };

  /// A member that falls behind is shown out: its outbox closes.
  Seat join(Outbox& outbox) { return {members_, outbox}; }
  /// A link that falls behind, or is down for long, loses messages.
  Seat link(Outbox& outbox) { return {links_, outbox}; }

  void say(const Message& message);
  void relay(const Message& message);
  void close();

 private:
  std::set<Outbox*> members_;
  std::set<Outbox*> links_;
};

}  // namespace example
