#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

namespace weir::proxy_control {

/// A DNS server on a loopback port (RFC 1035 §4.1), on the test's io_context. Names it does not
/// know are NXDOMAIN.
class FakeDns {
 public:
  struct Record {
    std::vector<std::string> addresses;  ///< IPv4 and IPv6
    std::uint32_t ttl = 1;
    std::uint8_t rcode = 0;
  };

  explicit FakeDns(boost::asio::io_context& io)
      : socket_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
    receive();
  }

  std::string address() const {
    return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port());
  }

  std::map<std::string, Record> records;
  std::map<std::string, int> questions;  ///< how often each name was asked for, A and AAAA apart

 private:
  void receive();
  std::vector<std::uint8_t> answer(std::size_t size);

  boost::asio::ip::udp::socket socket_;
  boost::asio::ip::udp::endpoint peer_;
  std::array<std::uint8_t, 1500> query_{};
};

}  // namespace weir::proxy_control
