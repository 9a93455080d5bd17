#include "util/ip_address.h"

#include <gtest/gtest.h>

namespace weir::util {
namespace {

std::string read(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->text() : "none";
}

TEST(IpAddress, ReadsWhatIsOneAndWritesItInOneForm) {
  EXPECT_EQ(read("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(read("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(read("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("::ffff:c000:201"), IpAddress::parse("192.0.2.1"));
  EXPECT_TRUE(IpAddress::parse("192.0.2.1")->is_v4());
  EXPECT_FALSE(IpAddress::parse("2001:db8::1")->is_v4());
}

TEST(IpAddress, NothingElseIsOne) {
  using namespace std::string_view_literals;
  for (const auto text :
       {""sv, " 192.0.2.1"sv, "192.0.2.1 "sv, "192.0.2"sv, "192.0.2.256"sv, "192.0.2.1:80"sv,
        "[2001:db8::1]"sv, "fe80::1%eth0"sv, "unknown"sv, "192.0.2.1\0"sv, "1:2:3:4:5:6:7:8:9"sv,
        "0000:0000:0000:0000:0000:0000:0000:00000000000000000000000001"sv}) {
    EXPECT_EQ(read(text), "none") << text;
  }
}

std::string prefix(std::string_view text) {
  const auto read = IpPrefix::parse(text);
  return read ? read->address.text() + "/" + std::to_string(read->bits) : "none";
}

TEST(IpPrefix, ClearsTheBitsBehindItsLength) {
  EXPECT_EQ(prefix("10.1.2.3/8"), "10.0.0.0/104");
  EXPECT_EQ(prefix("10.1.2.255/25"), "10.1.2.128/121");
  EXPECT_EQ(prefix("0.0.0.0/0"), "0.0.0.0/96");
  EXPECT_EQ(prefix("10.1.2.3"), "10.1.2.3/128");
  EXPECT_EQ(prefix("2001:db8:ffff::/33"), "2001:db8:8000::/33");
  EXPECT_EQ(prefix("::/0"), "::/0");
  EXPECT_EQ(prefix("::ffff:10.1.2.3/104"), "10.0.0.0/104");
}

TEST(IpPrefix, NothingElseIsOne) {
  for (const auto* text : {"", "/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/8x",
                           "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "a/8"}) {
    EXPECT_EQ(prefix(text), "none") << text;
  }
}

}  // namespace
}  // namespace weir::util
