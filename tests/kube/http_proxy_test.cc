#include "kube/http_proxy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kube/credentials.h"

namespace weir::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ApiServerAddress server(const std::string& url) {
  const auto address = parse_server_url(url);
  EXPECT_TRUE(address) << url;
  return address ? *address : ApiServerAddress();
}

TEST(HttpProxyUrl, IsReadWithItsUser) {
  EXPECT_EQ(*parse_proxy_url("http://proxy.example:3128"),
            (HttpProxy{"proxy.example", 3128, "", ""}));
  EXPECT_EQ(*parse_proxy_url("proxy.example"), (HttpProxy{"proxy.example", 80, "", ""}));
  EXPECT_EQ(*parse_proxy_url("http://me:a%40b%3A@[::1]:8080/"),
            (HttpProxy{"::1", 8080, "me", "a@b:"}));
  EXPECT_EQ(*parse_proxy_url("HTTP://me@p:1"), (HttpProxy{"p", 1, "me", ""}));
}

TEST(HttpProxyUrl, IsRefusedWithoutSayingItsPassword) {
  for (const char* url :
       {"https://me:secret@p", "socks5://p", "http://me:secret%0a@p", "http://me:secret%4@p",
        "http://me:secret@p:0", "http://me:secret@p/path", "http://", ""}) {
    const auto proxy = parse_proxy_url(url);
    ASSERT_FALSE(proxy) << url;
    EXPECT_THAT(proxy.error().detail, HasSubstr("proxy")) << url;
    EXPECT_THAT(proxy.error().detail, Not(HasSubstr("secret"))) << url;
  }
}

TEST(NoProxy, TakesOutWhatItNames) {
  const struct {
    const char* list;
    const char* url;
    bool direct;
  } cases[] = {
      {"", "https://api.example", false},
      {"", "https://localhost:6443", true},
      {"", "https://127.3.2.1", true},
      {"", "https://[::1]", true},
      {"*", "https://api.example", true},
      {"api.example", "https://api.example", true},
      {"API.example", "https://api.EXAMPLE", true},
      {"example", "https://api.example", true},
      {".example", "https://api.example", true},
      {".api.example", "https://api.example", false},
      {"*.example", "https://api.example", true},
      {"pi.example", "https://api.example", false},
      {"other, ,api.example", "https://api.example", true},
      {"api.example:443", "https://api.example", true},
      {"api.example:6443", "https://api.example", false},
      {"10.0.0.0/8", "https://10.96.0.1", true},
      {"10.0.0.0/8", "https://11.96.0.1", false},
      {"10.96.0.1", "https://10.96.0.1", true},
      {"10.96.0.1:444", "https://10.96.0.1", false},
      {"10.96.0.1", "https://10.96.0.1.example", false},
      {"fd00::/8", "https://[fd00::1]", true},
      {"fd00::1", "https://[fd00::1]", true},
      {"[fd00::1]:443", "https://[fd00::1]", true},
      {"[fd00::1]:444", "https://[fd00::1]", false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(is_direct(c.list, server(c.url)), c.direct) << c.list << " " << c.url;
  }
}

}  // namespace
}  // namespace weir::kube
