#include "ingress/names.h"

#include <gtest/gtest.h>

namespace weir::ingress {
namespace {

TEST(Names, HostIsADnsNameOrAWildcardOfOne) {
  for (const char* host :
       {"shop.example", "localhost", "*.shop.example", "a_b.example", "xn--p1ai", "1.example"}) {
    EXPECT_TRUE(is_valid_host(host)) << host;
  }
  for (const std::string& host :
       {std::string(""), std::string("*"), std::string("*."), std::string("*.*.example"),
        std::string("a..b"), std::string(".a"), std::string("a."), std::string("Shop.example"),
        std::string("shop.example:80"), std::string("a b"), std::string("a\0b", 3),
        std::string("caf\xc3\xa9.example"), std::string(64, 'a'), std::string(300, 'a')}) {
    EXPECT_FALSE(is_valid_host(host)) << host;
  }
}

TEST(Names, WildcardReplacesTheFirstLabel) {
  EXPECT_EQ(wildcard_of("a.b.example"), "*.b.example");
  EXPECT_EQ(wildcard_of("localhost"), "");
}

TEST(Names, PathStartsWithASlashAndHasNoControlBytes) {
  EXPECT_TRUE(is_valid_path("/"));
  EXPECT_TRUE(is_valid_path("/caf\xc3\xa9"));
  EXPECT_FALSE(is_valid_path(""));
  EXPECT_FALSE(is_valid_path("a"));
  EXPECT_FALSE(is_valid_path("/a\nb"));
  EXPECT_FALSE(is_valid_path("/" + std::string(5000, 'a')));
}

TEST(Names, BackendIsNamedByServiceAndPortAsWritten) {
  kube::IngressBackend backend;
  backend.service = "shop";
  backend.port.number = 80;
  EXPECT_EQ(to_string(*backend_key("team", backend)), "team/shop:80");
  backend.port.name = "web";
  EXPECT_EQ(to_string(*backend_key("team", backend)), "team/shop:web");
  backend.is_resource = true;
  EXPECT_FALSE(backend_key("team", backend));
}

}  // namespace
}  // namespace weir::ingress
