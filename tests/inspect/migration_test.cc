#include "inspect/migration.h"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingress/annotation_values.h"
#include "ingress/annotations.h"
#include "ingress/config_keys.h"
#include "inspect/dumps.h"
#include "inspect/version_drift.h"

namespace weir::inspect {
namespace {

using ingress::Effect;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

kube::Ingress ingress_with(const std::string& name, const std::string& value) {
  kube::Ingress ingress;
  ingress.meta.ns = "default";
  ingress.meta.name = "a";
  ingress.meta.annotations[name] = value;
  ingress.rules.push_back({"a.example", {}});
  return ingress;
}

Migrated migrate_one(const std::string& name, const std::string& value) {
  Input input;
  input.add(ingress_with(name, value));
  const auto migration = migrate(std::move(input), {});
  if (migration.ingresses.size() == 1 && migration.ingresses[0].items.size() == 1) {
    return migration.ingresses[0].items[0];
  }
  ADD_FAILURE() << name << " is not in the report";
  return {};
}

/// A key in a ConfigMap of its own.
Migrated migrate_key(const std::string& key, const std::string& value) {
  kube::ConfigMap config_map;
  config_map.meta.ns = "sys";
  config_map.meta.name = "settings";
  config_map.data[key] = value;
  Input input;
  input.add(config_map);
  ingress::Options options;
  options.config_map = {"sys", "settings"};
  const auto migration = migrate(std::move(input), options);
  if (migration.config_map && migration.config_map->items.size() == 1) {
    return migration.config_map->items[0];
  }
  ADD_FAILURE() << key << " is not in the report";
  return {};
}

/// Empty: which one does is not known.
std::string value_that_fits(const ingress::Annotation& annotation) {
  if (!annotation.usual.empty()) return std::string(annotation.usual);
  if (std::holds_alternative<ingress::Flag>(annotation.type)) return "true";
  if (const auto* number = std::get_if<ingress::Number>(&annotation.type)) {
    return std::to_string(number->least);
  }
  if (const auto* choice = std::get_if<ingress::Choice>(&annotation.type)) {
    return std::string(choice->words.front());
  }
  return {};
}

TEST(Migration, EveryAnnotationHasTheVerdictOfTheRegistry) {
  for (const auto& theme : ingress::annotation_themes()) {
    for (const auto& annotation : theme.annotations) {
      const bool counts =
          annotation.effect == Effect::InEffect || annotation.effect == Effect::Partly;
      auto value = value_that_fits(annotation);
      if (value.empty() && counts) continue;
      // A flag that is off asks for nothing.
      if (annotation.effect == Effect::Refused) value = "true";
      if (value.empty()) value = "x";
      const auto item = migrate_one(std::string(annotation.name), value);
      const auto expected = annotation.effect == Effect::NotYet    ? Verdict::Unsupported
                            : annotation.effect == Effect::Refused ? Verdict::NeedsChange
                            : annotation.effect == Effect::Partly  ? Verdict::Differs
                            : annotation.needs.empty() && !annotation.difference.empty()
                                ? Verdict::Differs
                                : Verdict::Works;
      EXPECT_EQ(item.verdict, expected) << annotation.name << ": " << item.text;
      if (annotation.effect != Effect::InEffect) {
        const bool closes = annotation.effect == Effect::NotYet && annotation.close != nullptr;
        EXPECT_THAT(item.text, HasSubstr(std::string(closes ? ingress::kClosed : annotation.note)))
            << annotation.name;
      }
    }
  }
}

TEST(Migration, WrongValuesAndUnknownNamesNeedAChange) {
  const auto wrong = migrate_one("nginx.ingress.kubernetes.io/ssl-redirect", "perhaps");
  EXPECT_EQ(wrong.verdict, Verdict::NeedsChange);
  EXPECT_THAT(wrong.text, HasSubstr("\"perhaps\" is not"));
  const auto typo = migrate_one("nginx.ingress.kubernetes.io/ssl-redirekt", "true");
  EXPECT_EQ(typo.verdict, Verdict::NeedsChange);
  EXPECT_THAT(typo.text, HasSubstr("did you mean nginx.ingress.kubernetes.io/ssl-redirect?"));
  EXPECT_EQ(migrate_one("nginx.ingress.kubernetes.io/websocket-services", "chat").text,
            "neither ingress-nginx nor weir knows it: remove it");
  EXPECT_EQ(migrate_one("nginx.ingress.kubernetes.io/enable-modsecurity", "false").verdict,
            Verdict::Works)
      << "it asks for nothing";
}

TEST(Migration, EveryIdleKeyOfTheConfigMapHasTheVerdictOfItsTable) {
  for (const auto& key : ingress::idle_config_keys()) {
    const auto item = migrate_key(std::string(key.key), "true");
    EXPECT_EQ(item.verdict, key.effect == Effect::NotYet     ? Verdict::Unsupported
                            : key.effect == Effect::Accepted ? Verdict::Works
                                                             : Verdict::NeedsChange)
        << key.key;
    EXPECT_THAT(item.text, HasSubstr(std::string(key.note))) << key.key;
  }
}

TEST(Migration, KeysOfTheConfigMapThatCount) {
  EXPECT_EQ(migrate_key("use-forwarded-headers", "true").verdict, Verdict::Works);
  EXPECT_EQ(migrate_key("hsts-max-age", "a year").verdict, Verdict::NeedsChange);
  EXPECT_EQ(migrate_key("hsts", "false").verdict, Verdict::Works);
  EXPECT_EQ(migrate_key("load-balance", "ewma").verdict, Verdict::Differs) << "of its annotation";
  EXPECT_EQ(migrate_key("enable-modsecurity", "false").verdict, Verdict::Works);
  EXPECT_EQ(migrate_key("tls-versions", "modern").verdict, Verdict::NeedsChange);
}

TEST(Migration, OfADumpCountsIngressesByTheirWorst) {
  ingress::Options options;
  options.config_map = {"ingress-nginx", "ingress-nginx-controller"};
  const auto migration = migrate(dump("ingresses.yaml"), options);
  ASSERT_THAT(migration.ingresses, SizeIs(3)) << "one is of another class";
  EXPECT_EQ(migration.ingresses[0].object.name, "chat");
  EXPECT_THAT(migration.ingresses[0].place, testing::EndsWith("ingresses.yaml:64"));
  EXPECT_EQ(migration.ingresses[1].worst(), Verdict::Works) << "it has no annotation";
  EXPECT_GE(migration.ingresses[2].worst(), Verdict::NeedsChange) << "it has a snippet";
  for (const auto& item : migration.ingresses[2].items) {
    EXPECT_THAT(item.name, Not(HasSubstr("cert-manager"))) << "none of ours";
  }
  ASSERT_TRUE(migration.config_map);
  EXPECT_THAT(migration.config_map->items, SizeIs(10));
}

TEST(Migration, SaysThatTheConfigMapIsMissing) {
  EXPECT_THAT(migrate(dump("shop"), {}).notes, ElementsAre(HasSubstr("--configmap")));
  ingress::Options options;
  options.config_map = {"sys", "none"};
  EXPECT_THAT(migrate(dump("shop"), options).notes, ElementsAre(HasSubstr("sys/none")));
}

TEST(Migration, PathsWithASlashAtTheirEndDiffer) {
  Input input;
  auto ingress = ingress_with("nginx.ingress.kubernetes.io/ssl-redirect", "true");
  ingress.rules[0].paths = {{"/", kube::PathType::Prefix, {}},
                            {"/a/", kube::PathType::Prefix, {}},
                            {"/b/", kube::PathType::Exact, {}},
                            {"/c", kube::PathType::Prefix, {}}};
  input.add(ingress);
  const auto migration = migrate(std::move(input), {});
  ASSERT_THAT(migration.ingresses, SizeIs(1));
  EXPECT_THAT(migration.ingresses[0].differences,
              ElementsAre(HasSubstr("/a is taken as well"), HasSubstr("/b is not taken")));
  EXPECT_EQ(migration.ingresses[0].worst(), Verdict::Differs);
  EXPECT_THAT(to_text(migration, ReportStyle::Terminal), HasSubstr("path /a/ of host"));
  EXPECT_THAT(to_text(migration, ReportStyle::Markdown), HasSubstr("- path /a/ of host"));
}

TEST(VersionDrift, SnippetsAndTheirRisk) {
  EXPECT_THAT(version_drift_of(ingress_with("nginx.ingress.kubernetes.io/server-snippet", "x")),
              ElementsAre(HasSubstr("off since 1.9.1"), HasSubstr("High since 1.12")));
}

TEST(VersionDrift, ObjectsOfOtherNamespaces) {
  constexpr const char* kSecret = "nginx.ingress.kubernetes.io/auth-tls-secret";
  EXPECT_THAT(version_drift_of(ingress_with(kSecret, "other/ca")),
              ElementsAre(HasSubstr("allow-cross-namespace-resources")));
  EXPECT_THAT(version_drift_of(ingress_with(kSecret, "default/ca")), IsEmpty());
  EXPECT_THAT(version_drift_of(ingress_with(kSecret, "ca")), IsEmpty());
}

TEST(VersionDrift, CharactersOfPathsWithAType) {
  const auto drift = [](const std::string& path, kube::PathType type) {
    auto ingress = ingress_with("weir.dev/tunnel-limit", "1");
    ingress.rules[0].paths.push_back({path, type, {}});
    return version_drift_of(ingress);
  };
  EXPECT_THAT(drift("/a(/|$)(.*)", kube::PathType::Prefix),
              ElementsAre(HasSubstr("strict-validate-path-type")));
  EXPECT_THAT(drift("/a~b", kube::PathType::Exact), SizeIs(1));
  EXPECT_THAT(drift("/a(/|$)(.*)", kube::PathType::ImplementationSpecific), IsEmpty());
  EXPECT_THAT(drift("/a.b_c-d/", kube::PathType::Exact), IsEmpty());
  EXPECT_THAT(drift("", kube::PathType::Prefix), IsEmpty());
}

TEST(MigrationText, OfATerminalHasVerdictsTotalsAndDrift) {
  const auto text = to_text(migrate(dump("ingresses.yaml"), {}), ReportStyle::Terminal);
  EXPECT_THAT(text, HasSubstr("Ingress shop/shop"));
  EXPECT_THAT(text, HasSubstr("  needs a change            configuration-snippet"));
  EXPECT_THAT(text, HasSubstr("  works as is               ssl-redirect"));
  EXPECT_THAT(text, HasSubstr("2 Ingresses rely on defaults of older versions"));
  EXPECT_THAT(text, HasSubstr("has nothing that is ingress-nginx's own"));
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  EXPECT_THAT(to_text(migrate(dump("ingresses.yaml"), {}), ReportStyle::Colours),
              HasSubstr("\033["));
}

TEST(MigrationText, OfMarkdownKeepsItsTablesWhateverStandsInThem) {
  Input input;
  auto ingress = ingress_with("nginx.ingress.kubernetes.io/server-snippet", "a | b ` <c>\nd");
  ingress.rules[0].paths.push_back({"/x|<y>", kube::PathType::Prefix, {}});
  input.add(ingress);
  const auto text = to_text(migrate(std::move(input), {}), ReportStyle::Markdown);
  EXPECT_THAT(text, HasSubstr("| `server-snippet` | `a \\| b ' <c>…` | needs a change |"));
  EXPECT_THAT(text, HasSubstr("- path /x\\|&lt;y> of host"));
  std::istringstream lines(text);
  std::size_t columns = 0;
  for (std::string line; std::getline(lines, line);) {
    std::size_t bars = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1 : 0;
    }
    if (!line.starts_with('|')) {
      columns = 0;
    } else if (columns == 0) {
      columns = bars;
    } else {
      EXPECT_EQ(bars, columns) << line;
    }
  }
}

}  // namespace
}  // namespace weir::inspect
