#include "room.h"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace example {

namespace asio = boost::asio;

Outbox::Outbox(const asio::any_io_executor& executor)
    : news_(executor, asio::steady_timer::time_point::max()) {}

bool Outbox::push(Message message) {
  if (closed_ || messages_.size() == kMaxMessages) return false;
  messages_.push_back(std::move(message));
  news_.cancel();
  return true;
}

void Outbox::close() {
  closed_ = true;
  news_.cancel();
}

asio::awaitable<Message> Outbox::pop() {
  while (messages_.empty()) {
    if (closed_) co_return nullptr;
    co_await news_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  auto message = std::move(messages_.front());
  messages_.pop_front();
  co_return message;
}

void Room::say(const Message& message) {
  relay(message);
  for (Outbox* link : links_) link->push(message);
}

void Room::relay(const Message& message) {
  for (Outbox* member : members_) {
    if (!member->push(message)) member->close();
  }
}

void Room::close() {
  for (Outbox* member : members_) member->close();
  for (Outbox* link : links_) link->close();
}

}  // namespace example
