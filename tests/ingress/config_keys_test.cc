#include "ingress/config_keys.h"

#include <algorithm>
#include <fstream>

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

bool is_taken_key(const std::string& key) {
  kube::ConfigMap config_map;
  config_map.data[key] = "true";
  const auto read = read_global_settings(&config_map);
  return std::ranges::none_of(read.problems, [](const kube::Problem& problem) {
    return problem.code == "ConfigMapKeyIgnored";
  });
}

TEST(ConfigKeys, EachRowThatMustHaveACaseIsKnown) {
  std::ifstream rows(WEIR_INGRESS_ROWS);
  int count = 0;
  for (std::string row; std::getline(rows, row);) {
    if (row.starts_with('#') || row.starts_with("--")) continue;
    ++count;
    const bool is_annotation = row.find('/') != std::string::npos;
    EXPECT_TRUE(is_annotation ? find_annotation(row) != nullptr
                              : find_idle_config_key(row) != nullptr ||
                                    find_any_twin(row) != nullptr || is_taken_key(row))
        << row;
  }
  EXPECT_GT(count, 170);
}

}  // namespace
}  // namespace weir::ingress
