#include "proxy_control/table_holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy_control/support.h"

namespace weir::proxy_control {
namespace {

using table::encode;
using table::ResourceKind;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

table::Settings settings(std::string default_certificate) {
  table::Settings made;
  made.default_certificate = std::move(default_certificate);
  return made;
}

table::Update with(std::vector<table::EncodedResource> upserts,
                   std::vector<table::ResourceKey> removes = {}) {
  return {1, true, std::move(upserts), std::move(removes)};
}

TEST(TableHolder, ANewTableIsADeltaOfAllItHas) {
  TableHolder holder;

  const auto change = holder.apply(
      with({encode(settings("a/tls")), encode(make_certificate("a/tls")),
            encode(make_backend("a/b:80", "10.0.0.1")), encode(make_host("shop.example"))}));

  EXPECT_TRUE(change.changed);
  EXPECT_THAT(change.refusals, IsEmpty());
  EXPECT_EQ(change.delta->settings->default_certificate, "a/tls");
  ASSERT_EQ(change.delta->certificates.size(), 1U);
  EXPECT_NE(change.delta->certificates[0].certificate, nullptr);
  EXPECT_EQ(change.delta->backends.at(0)->name, "a/b:80");
  EXPECT_EQ(change.delta->hosts.at(0)->name, "shop.example");
  EXPECT_THAT(holder.counts(), ElementsAre(1, 1, 1, 1, 0, 0, 0, 0));
  EXPECT_EQ(holder.held().size(), 4U);
}

TEST(TableHolder, SettingsComeWithTheRulesOfWhomTheyBlock) {
  TableHolder holder;
  table::Settings blocking;
  blocking.blocked.user_agents = {"~bad"};
  const auto change = holder.apply(with({encode(blocking)}));
  EXPECT_NE(change.delta->blocked, nullptr);
  const auto next = holder.apply(with({encode(settings("a/tls"))}));
  EXPECT_EQ(next.delta->blocked, nullptr);
}

TEST(TableHolder, WhatIsHeldAlreadyIsNoChange) {
  TableHolder holder;
  const auto table = with({encode(make_host("a.example")), encode(make_host("b.example"))});
  holder.apply(table);

  const auto again = holder.apply(table);
  EXPECT_FALSE(again.changed);
  EXPECT_THAT(again.delta->hosts, IsEmpty());

  auto other = make_host("b.example");
  other.routes[0].https_only = true;
  const auto one = holder.apply(with({encode(make_host("a.example")), encode(other)}));
  ASSERT_EQ(one.delta->hosts.size(), 1U);
  EXPECT_EQ(*one.delta->hosts[0].host, other);
}

TEST(TableHolder, RemovesAreTakenOnceAndOnlyIfHeld) {
  TableHolder holder;
  holder.apply(with({encode(settings("x")), encode(make_host("a.example")),
                     encode(make_backend("a/b:80", "10.0.0.1"))}));

  const auto gone = holder.apply(with({}, {{ResourceKind::Settings, ""},
                                           {ResourceKind::Host, "a.example"},
                                           {ResourceKind::Host, "never.example"},
                                           {ResourceKind::Backend, "a/b:80"}}));

  EXPECT_TRUE(gone.changed);
  EXPECT_EQ(gone.delta->settings, table::Settings{});
  EXPECT_THAT(gone.delta->removed_hosts, ElementsAre("a.example"));
  EXPECT_THAT(gone.delta->removed_backends, ElementsAre("a/b:80"));
  EXPECT_THAT(holder.counts(), Each(0));
  EXPECT_THAT(holder.held(), IsEmpty());
}

TEST(TableHolder, AResourceBothUpsertedAndRemovedStays) {
  TableHolder holder;
  holder.apply(with({encode(make_host("a.example"))}));

  const auto change = holder.apply(
      with({encode(make_host("a.example", "a/new:80"))}, {{ResourceKind::Host, "a.example"}}));

  EXPECT_THAT(change.delta->removed_hosts, IsEmpty());
  EXPECT_EQ(change.delta->hosts.size(), 1U);
  EXPECT_EQ(holder.held().size(), 1U);
}

TEST(TableHolder, ACertificateThatDoesNotFitItsKeyIsRefusedAndTheFormerStays) {
  TableHolder holder;
  const auto good = encode(make_certificate("a/tls"));
  holder.apply(with({good}));
  auto mixed = make_certificate("a/tls");
  mixed.key_pem = make_certificate("a/tls").key_pem;

  const auto change = holder.apply(with({encode(mixed), encode(make_host("a.example"))}));

  ASSERT_EQ(change.refusals.size(), 1U);
  EXPECT_EQ(change.refusals[0].key, (table::ResourceKey{ResourceKind::Certificate, "a/tls"}));
  EXPECT_THAT(change.refusals[0].reason, Not(IsEmpty()));
  EXPECT_THAT(change.refusals[0].reason, Not(HasSubstr("PRIVATE")));
  EXPECT_THAT(change.delta->certificates, IsEmpty());
  EXPECT_EQ(change.delta->hosts.size(), 1U);
  EXPECT_EQ(holder.held().at(good.key), good.hash);
}

TEST(TableHolder, WhatOpenSslDoesNotTakeIsRefusedWithTheFieldAndItsReason) {
  TableHolder holder;
  table::Settings ciphers;
  ciphers.tls.ciphers = "NO-SUCH-CIPHER";
  auto host = make_host("a.example");
  host.ciphers = "NO-SUCH-EITHER";
  auto upstream = make_host("b.example");
  upstream.routes[0].upstream_tls.emplace().ciphers = "NONE-OF-THESE";
  const auto change =
      holder.apply(with({encode(ciphers), encode(host), encode(upstream),
                         encode(table::TrustBundle{"a/ca", "no certificate", ""})}));

  ASSERT_EQ(change.refusals.size(), 4U);
  EXPECT_EQ(change.refusals[0].reason,
            "tls.ciphers: OpenSSL does not take the ciphers: no cipher match");
  EXPECT_THAT(change.refusals[1].reason, HasSubstr("ciphers: OpenSSL does not take the ciphers: "));
  EXPECT_EQ(change.refusals[2].reason,
            "routes[0].upstream_tls.ciphers: OpenSSL does not take the ciphers: no cipher match");
  EXPECT_EQ(change.refusals[3].reason, "ca_pem of a/ca has no PEM certificate");
  EXPECT_FALSE(change.changed);

  table::Settings groups;
  groups.tls.groups = "X25519:P-999";
  const auto second = holder.apply(with({encode(groups)}));
  ASSERT_EQ(second.refusals.size(), 1U);
  EXPECT_THAT(second.refusals[0].reason, HasSubstr("tls.groups: OpenSSL does not take the groups"));
}

TEST(TableHolder, ATrustBundleIsParsedOnce) {
  TableHolder holder;
  const auto change =
      holder.apply(with({encode(table::TrustBundle{"a/ca", make_certificate("x").chain_pem, ""})}));
  ASSERT_EQ(change.delta->trust_bundles.size(), 1U);
  EXPECT_EQ(change.delta->trust_bundles[0].name, "a/ca");
  EXPECT_NE(change.delta->trust_bundles[0].trust->store(), nullptr);
}

TEST(TableHolder, WhatCannotBeReadOrHasAnotherNameIsRefused) {
  TableHolder holder;
  auto odd = encode(make_host("UPPER.example"));
  auto wrong_name = encode(make_host("a.example"));
  wrong_name.key.name = "b.example";

  const auto change = holder.apply(with({odd, wrong_name}));

  ASSERT_EQ(change.refusals.size(), 2U);
  EXPECT_THAT(change.refusals[0].reason, HasSubstr("not a lower-case host name"));
  EXPECT_EQ(change.refusals[1].reason, "holds host a.example under the name of another");
  EXPECT_FALSE(change.changed);
  EXPECT_THAT(holder.held(), IsEmpty());
}

TEST(TableHolder, ManyAreTakenInTheirOrderAndTheBadOnesNamed) {
  constexpr int kHosts = 3'000;  // for several threads
  std::vector<table::EncodedResource> all;
  std::vector<std::string> good;
  std::vector<std::string> bad;
  for (int i = 0; i < kHosts; ++i) {
    const bool fits = i % 100 != 7;
    const auto name = (fits ? "h" : "H") + std::to_string(i) + ".example";
    (fits ? good : bad).push_back(name);
    all.push_back(encode(make_host(name)));
  }
  TableHolder holder;

  const auto change = holder.apply(with(std::move(all)));

  std::vector<std::string> taken;
  for (const auto& host : change.delta->hosts) taken.push_back(host->name);
  std::vector<std::string> refused;
  for (const auto& refusal : change.refusals) refused.push_back(refusal.key.name);
  EXPECT_EQ(taken, good);
  EXPECT_EQ(refused, bad);
  EXPECT_EQ(holder.held().size(), good.size());
}

}  // namespace
}  // namespace weir::proxy_control
