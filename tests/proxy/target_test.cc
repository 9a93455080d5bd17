#include "proxy/target.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

std::string path(std::string_view target) {
  std::string storage;
  const auto result = normalize_path(target, storage);
  return result ? std::string(*result) : "refused";
}

std::string host(std::string_view text) {
  std::string storage;
  const auto result = normalize_host(text, storage);
  return result ? std::string(*result) : "refused";
}

TEST(NormalizePath, IsWhatRoutingCompares) {
  EXPECT_EQ(path("/a/b"), "/a/b");
  EXPECT_EQ(path("/a?x=/../b"), "/a");
  EXPECT_EQ(path(""), "/");
  EXPECT_EQ(path("?x"), "/");
  EXPECT_EQ(path("*"), "/");
  EXPECT_EQ(path("/a%2Fb"), "/a/b");
  EXPECT_EQ(path("/%61"), "/a");
  EXPECT_EQ(path("//a///b/"), "/a/b/");
  EXPECT_EQ(path("/a/./b"), "/a/b");
  EXPECT_EQ(path("/a/../b"), "/b");
  EXPECT_EQ(path("/a/b/.."), "/a/");
  EXPECT_EQ(path("/a/%2e%2e/b"), "/b");
  EXPECT_EQ(path("/a/.b"), "/a/.b");
  EXPECT_EQ(path("/a/.."), "/");
  EXPECT_EQ(path("/."), "/");
}

TEST(NormalizePath, RefusesWhatNobodyMeans) {
  EXPECT_EQ(path("/.."), "refused");
  EXPECT_EQ(path("/a/../../b"), "refused");
  EXPECT_EQ(path("/%2e%2e/b"), "refused");
  EXPECT_EQ(path("/%"), "refused");
  EXPECT_EQ(path("/%2"), "refused");
  EXPECT_EQ(path("/%zz"), "refused");
  EXPECT_EQ(path("/a%00b"), "refused");
}

TEST(NormalizeHost, IsTheNameAlone) {
  EXPECT_EQ(host("shop.example"), "shop.example");
  EXPECT_EQ(host("Shop.Example:8080"), "shop.example");
  EXPECT_EQ(host("shop.example."), "shop.example");
  EXPECT_EQ(host("shop.example:"), "shop.example");
  EXPECT_EQ(host("[::1]:80"), "[::1]");
  EXPECT_EQ(host("127.0.0.1"), "127.0.0.1");
}

TEST(NormalizeHost, RefusesWhatIsNoHost) {
  for (const char* text : {"", ".", ":80", "a:b", "a:123456", "a b", "a/b", "a@b", "a..b", ".a",
                           "a..", "[::1", "[::1]x", "[zz]", "a\"b", "a\\b", "*"}) {
    EXPECT_EQ(host(text), "refused") << text;
  }
  EXPECT_EQ(host(std::string(300, 'a')), "refused");
}

}  // namespace
}  // namespace weir::proxy
