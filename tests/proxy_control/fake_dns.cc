#include "proxy_control/fake_dns.h"

#include <boost/asio/ip/address.hpp>

namespace weir::proxy_control {

namespace asio = boost::asio;

void FakeDns::receive() {
  socket_.async_receive_from(asio::buffer(query_), peer_,
                             [this](const boost::system::error_code& error, std::size_t size) {
                               if (error) return;
                               const auto reply = answer(size);
                               boost::system::error_code ignored;
                               socket_.send_to(asio::buffer(reply), peer_, 0, ignored);
                               receive();
                             });
}

std::vector<std::uint8_t> FakeDns::answer(std::size_t size) {
  std::string name;
  std::size_t at = 12;
  while (at < size && query_[at] != 0) {
    if (!name.empty()) name += '.';
    name.append(reinterpret_cast<const char*>(&query_[at + 1]), query_[at]);
    at += query_[at] + 1U;
  }
  const bool v6 = query_[at + 2] == 28;
  ++questions[name];
  const auto known = records.find(name);

  std::vector<std::uint8_t> answers;
  std::uint8_t count = 0;
  if (known != records.end() && known->second.rcode == 0) {
    for (const auto& text : known->second.addresses) {
      const auto address = asio::ip::make_address(text);
      if (address.is_v6() != v6) continue;
      const auto ttl = known->second.ttl;
      const std::uint8_t head[] = {0xc0,
                                   0x0c,
                                   0,
                                   static_cast<std::uint8_t>(v6 ? 28 : 1),
                                   0,
                                   1,
                                   static_cast<std::uint8_t>(ttl >> 24),
                                   static_cast<std::uint8_t>(ttl >> 16),
                                   static_cast<std::uint8_t>(ttl >> 8),
                                   static_cast<std::uint8_t>(ttl),
                                   0,
                                   static_cast<std::uint8_t>(v6 ? 16 : 4)};
      answers.insert(answers.end(), std::begin(head), std::end(head));
      if (v6) {
        const auto bytes = address.to_v6().to_bytes();
        answers.insert(answers.end(), bytes.begin(), bytes.end());
      } else {
        const auto bytes = address.to_v4().to_bytes();
        answers.insert(answers.end(), bytes.begin(), bytes.end());
      }
      ++count;
    }
  }
  const std::uint8_t rcode = known == records.end() ? 3 : known->second.rcode;
  std::vector<std::uint8_t> reply(query_.begin(), query_.begin() + static_cast<long>(at) + 5);
  reply[2] = 0x81;
  reply[3] = static_cast<std::uint8_t>(0x80 | rcode);
  for (std::size_t i = 6; i < 12; ++i) reply[i] = 0;
  reply[7] = count;
  reply.insert(reply.end(), answers.begin(), answers.end());
  return reply;
}

}  // namespace weir::proxy_control
