#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

// docs/tunnels.md names tests and settings; they are there.

namespace weir::proxy {
namespace {

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return std::move(text).str();
}

/// The first group, or the first two with a dot between, of everything that fits.
std::set<std::string> all_of(const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  std::set<std::string> found;
  for (std::sregex_iterator it(text.begin(), text.end(), regex), end; it != end; ++it) {
    found.insert(it->size() > 2 ? it->str(1) + "." + it->str(2) : it->str(1));
  }
  return found;
}

/// "Suite.Name" of every test of the tree.
std::set<std::string> all_tests() {
  std::set<std::string> tests;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(WEIR_TESTS)) {
    if (!entry.path().native().ends_with("_test.cc")) continue;
    tests.merge(all_of(contents(entry.path()), R"(TEST(?:_F|_P)?\((\w+),\s*(\w+)\))"));
  }
  return tests;
}

/// `pattern` may end in '*'.
bool is_named_by(const std::string& test, const std::string& pattern) {
  if (!pattern.ends_with('*')) return test == pattern;
  return test.starts_with(pattern.substr(0, pattern.size() - 1));
}

TEST(TunnelDocs, EveryTestThatThePageNamesIsThere) {
  const auto named = all_of(contents(WEIR_DOCS "/tunnels.md"), R"(`(\w+)\.(\w+\*?)`)");
  const auto tests = all_tests();
  EXPECT_GE(named.size(), 60U);
  for (const auto& pattern : named) {
    if (std::islower(static_cast<unsigned char>(pattern[0])) != 0) continue;  // a file's name
    EXPECT_TRUE(std::ranges::any_of(tests, [&](const auto& test) {
      return is_named_by(test, pattern);
    })) << pattern;
  }
}

TEST(TunnelDocs, EveryPainWithATestIsOnThePage) {
  const auto named = all_of(contents(WEIR_DOCS "/tunnels.md"), R"(`(\w+)\.(\w+\*?)`)");
  for (const auto& test : all_tests()) {
    if (test.find(".Pain") == std::string::npos) continue;
    EXPECT_TRUE(std::ranges::any_of(named, [&](const auto& pattern) {
      return is_named_by(test, pattern);
    })) << test;
  }
}

TEST(TunnelDocs, EverySettingOfTunnelsIsOnThePageAndNoOther) {
  const auto own = R"(`(weir\.dev/[a-z-]+)`)";
  const auto page = all_of(contents(WEIR_DOCS "/tunnels.md"), own);
  const auto reference = contents(WEIR_DOCS "/annotations.md");
  const auto begin = reference.find("\n## Tunnels\n");
  const auto settings =
      all_of(reference.substr(begin, reference.find("\n## ", begin + 1) - begin), own);
  EXPECT_EQ(settings.size(), 28U);
  EXPECT_EQ(page, settings);
}

}  // namespace
}  // namespace weir::proxy
