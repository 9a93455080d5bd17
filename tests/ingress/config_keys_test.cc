#include "ingress/config_keys.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "ingress/global_settings.h"

namespace weir::ingress {
namespace {

TEST(ConfigKeys, AreSortedAndUnique) {
  const auto keys = idle_config_keys();
  EXPECT_EQ(std::ranges::adjacent_find(keys, std::ranges::greater_equal(), &ConfigKey::key),
            keys.end());
  for (const auto& key : keys) EXPECT_EQ(find_idle_config_key(key.key), &key);
  EXPECT_EQ(find_idle_config_key("no-such-key"), nullptr);
}

TEST(ConfigKeys, ThoseThatAreInEffectOrOfAnAnnotationAreNotIdle) {
  for (const auto& key : idle_config_keys()) {
    kube::ConfigMap config_map;
    config_map.data[std::string(key.key)] = "true";
    const auto read = read_global_settings(&config_map);
    ASSERT_EQ(read.problems.size(), 1U) << key.key << " is in effect";
    EXPECT_EQ(read.problems[0].code, "ConfigMapKeyIgnored") << key.key;
    EXPECT_EQ(find_any_twin(key.key), nullptr) << key.key;
  }
}

TEST(ConfigKeys, SayWhatTheyMeanUnlessTheyWait) {
  for (const auto& key : idle_config_keys()) {
    if (key.effect != Effect::NotYet) {
      EXPECT_FALSE(key.note.empty()) << key.key;
    }
  }
}

}  // namespace
}  // namespace weir::ingress
