#include "ingress/annotations.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingress/annotation_reader.h"
#include "ingress/annotation_reference.h"
#include "ingress/annotation_values.h"
#include "ingress/objects.h"
#include "ingress/text_template.h"
#include "ingress/tls_lists.h"

namespace weir::ingress {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<const Annotation*> all() {
  std::vector<const Annotation*> annotations;
  for (const auto& theme : annotation_themes()) {
    for (const auto& annotation : theme.annotations) annotations.push_back(&annotation);
  }
  return annotations;
}

bool counts(const Annotation& annotation) {
  return annotation.effect == Effect::InEffect || annotation.effect == Effect::Partly;
}

std::string read(const fs::path& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

ReadAnnotations read_one(const std::string& name, const std::string& value) {
  auto object = test::ingress("a", {});
  object.meta.annotations[name] = value;
  return read_annotations(object, std::make_shared<const Policies>());
}

TEST(AnnotationRegistry, NamesAreSortedInTheirThemeAndUniqueOverAll) {
  std::set<std::string_view> names;
  for (const auto& theme : annotation_themes()) {
    EXPECT_TRUE(std::ranges::is_sorted(theme.annotations, {}, &Annotation::name)) << theme.title;
    for (const auto& annotation : theme.annotations) {
      EXPECT_TRUE(names.insert(annotation.name).second) << annotation.name;
      for (const auto alias : annotation.aliases) EXPECT_TRUE(names.insert(alias).second) << alias;
    }
  }
  for (const auto name : names) EXPECT_TRUE(is_ours(name)) << name;
}

TEST(AnnotationRegistry, EveryEntryIsWhole) {
  std::set<std::string_view> twins;
  for (const auto* annotation : all()) {
    SCOPED_TRACE(annotation->name);
    EXPECT_FALSE(annotation->text.empty());
    EXPECT_FALSE(annotation->text.ends_with('.'));
    EXPECT_EQ(counts(*annotation), !annotation->since.empty());
    EXPECT_EQ(counts(*annotation),
              std::visit([](const auto& type) { return type.set != nullptr; }, annotation->type));
    const bool wants_note =
        annotation->effect != Effect::InEffect && annotation->effect != Effect::NotYet;
    EXPECT_TRUE(!wants_note || !annotation->note.empty());
    EXPECT_FALSE(annotation->note.ends_with('.'));
    EXPECT_TRUE(annotation->twin.empty() || twins.insert(annotation->twin).second);
    EXPECT_TRUE(annotation->needs.empty() || find_annotation(annotation->needs) != nullptr);
  }
}

TEST(AnnotationRegistry, BoundsHoldTheDefault) {
  for (const auto* annotation : all()) {
    SCOPED_TRACE(annotation->name);
    if (const auto* number = std::get_if<Number>(&annotation->type)) {
      EXPECT_LE(number->least, number->most);
    } else if (const auto* duration = std::get_if<Duration>(&annotation->type)) {
      EXPECT_LT(duration->least_ms, duration->most_ms);
    } else if (const auto* list = std::get_if<List>(&annotation->type)) {
      EXPECT_GT(list->most, 0U);
      EXPECT_FALSE(list->item.empty());
    } else if (const auto* choice = std::get_if<Choice>(&annotation->type)) {
      EXPECT_FALSE(choice->words.empty());
    } else if (const auto* text = std::get_if<Text>(&annotation->type)) {
      EXPECT_GT(text->most, 0U);
      EXPECT_FALSE(text->what.empty());
    }
    if (!counts(*annotation)) continue;
    for (const auto value : {annotation->usual, annotation->if_wrong}) {
      Policies policies;
      EXPECT_TRUE(value.empty() || !take_value(*annotation, value, policies)) << value;
    }
  }
}

/// A default that is written down but is not the one in the table would be a lie of the page.
TEST(AnnotationRegistry, DefaultsAreThoseOfTheTable) {
  for (const auto* annotation : all()) {
    if (!counts(*annotation) || annotation->usual.empty()) continue;
    Policies policies;
    ASSERT_FALSE(take_value(*annotation, annotation->usual, policies)) << annotation->name;
    policies.settle();
    EXPECT_EQ(policies, Policies{}) << annotation->name;
  }
}

TEST(AnnotationRegistry, EveryAnnotationInEffectHasACase) {
  std::string cases;
  for (const auto& entry : fs::directory_iterator(WEIR_INGRESS_CASES)) {
    cases += read(entry.path() / "objects.yaml");
  }
  for (const auto* annotation : all()) {
    if (!counts(*annotation)) continue;
    EXPECT_NE(cases.find(std::string(annotation->name) + ":"), cases.npos) << annotation->name;
    for (const auto alias : annotation->aliases) {
      EXPECT_NE(cases.find(std::string(alias) + ":"), cases.npos) << alias;
    }
    if (annotation->twin.empty()) continue;
    EXPECT_EQ(find_twin(annotation->twin), annotation);
  }
}

TEST(AnnotationRegistry, ReferencePageIsWhatTheRegistrySays) {
  EXPECT_TRUE(read(fs::path(WEIR_DOCS) / "annotations.md") == annotation_reference())
      << "run: build/release/bin/weirctl docs annotations > docs/annotations.md";
}

TEST(AnnotationRegistry, SuggestsTheNameThatWasMeant) {
  const auto nearest = [](std::string_view name) {
    const auto* annotation = nearest_annotation(name);
    return annotation == nullptr ? std::string_view("none") : annotation->name;
  };
  EXPECT_EQ(nearest("weir.dev/tunel-limit"), "weir.dev/tunnel-limit");
  EXPECT_EQ(nearest("weir.dev/tunnel-limti"), "weir.dev/tunnel-limit");
  EXPECT_EQ(nearest("nginx.ingress.kubernetes.io/tunnel-ping-misses"),
            "weir.dev/tunnel-ping-misses");
  EXPECT_EQ(nearest("weir.dev/"), "none");
  EXPECT_EQ(nearest("weir.dev/colour"), "none");
  EXPECT_EQ(nearest("weir.dev/" + std::string(5'000, 'x')), "none");
}

TEST(AnnotationRegistry, AnyLetterOfALongNameMayBeMissingSwappedOrDouble) {
  for (const auto* annotation : all()) {
    const std::string name(annotation->name);
    const auto begin = name.find('/') + 1;
    if (name.size() - begin < 8) continue;
    for (auto at = begin; at + 1 < name.size(); ++at) {
      auto missing = name;
      missing.erase(at, 1);
      EXPECT_NE(nearest_annotation(missing), nullptr) << missing;
      auto twice = name;
      twice.insert(at, 2, name[at]);
      EXPECT_NE(nearest_annotation(twice), nullptr) << twice;
      auto swapped = name;
      std::swap(swapped[at], swapped[at + 1]);
      const auto* nearest = nearest_annotation(swapped);
      ASSERT_NE(nearest, nullptr) << swapped;
      EXPECT_TRUE(name[at] == name[at + 1] || nearest == annotation) << swapped;
    }
  }
}

TEST(AnnotationReader, AnIngressWithoutAnnotationsSharesTheDefaults) {
  const auto defaults = std::make_shared<const Policies>();
  const auto read = read_annotations(test::ingress("a", {}), defaults);
  EXPECT_EQ(read.policies, defaults);
  EXPECT_THAT(read.problems, IsEmpty());
  EXPECT_EQ(read_one("weir.dev/websocket", " \n").policies->tunnels.websocket, true);
}

TEST(AnnotationReader, AnAliasCountsOnlyWithoutTheNameItself) {
  auto object = test::ingress("a", {});
  const std::string prefix = "nginx.ingress.kubernetes.io/";
  object.meta.annotations[prefix + "whitelist-source-range"] = "10.0.0.0/8";
  const auto allowed = [&] {
    const auto read = read_annotations(object, std::make_shared<const Policies>());
    EXPECT_TRUE(read.problems.empty());
    return read.policies->access.allowed.list;
  };
  EXPECT_THAT(allowed(), ElementsAre("10.0.0.0/8"));
  object.meta.annotations[prefix + "allowlist-source-range"] = " ";
  EXPECT_THAT(allowed(), ElementsAre("10.0.0.0/8"));
  object.meta.annotations[prefix + "allowlist-source-range"] = "10.1.0.0/16";
  EXPECT_THAT(allowed(), ElementsAre("10.1.0.0/16"));
}

TEST(AnnotationReader, ManyUnknownNamesAreFewProblems) {
  auto object = test::ingress("a", {});
  for (int i = 0; i < 5'000; ++i) object.meta.annotations["weir.dev/x" + std::to_string(i)] = "y";
  const auto read = read_annotations(object, std::make_shared<const Policies>());
  ASSERT_EQ(read.problems.size(), 21U);
  EXPECT_EQ(read.problems.back().message, "4980 more are unknown");
}

TEST(AnnotationReader, QuotesLittleOfAHugeValue) {
  std::string value;
  for (int i = 0; i < 100'000; ++i) value += "ä";
  const auto read = read_one("weir.dev/tunnel-limit", "x" + value);
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_THAT(read.problems[0].message, HasSubstr("ää\" is not a whole number"));
  EXPECT_LT(read.problems[0].message.size(), 300U);
}

TEST(AnnotationValues, TextTemplates) {
  using Source = table::TextPart::Source;
  const auto parts = parse_text_template("${remote_addr}a-b$http_X_User$arg_q");
  ASSERT_TRUE(parts);
  EXPECT_THAT(*parts, ElementsAre(table::TextPart{Source::ClientAddress, ""},
                                  table::TextPart{Source::Literal, "a-b"},
                                  table::TextPart{Source::Header, "x-user"},
                                  table::TextPart{Source::Argument, "q"}));
  for (const auto* wrong : {"$", "${host", "$uri", "$http_", "a b", "$host;", "{host}", "ä"}) {
    EXPECT_FALSE(parse_text_template(wrong)) << wrong;
  }
  std::string many;
  for (int i = 0; i < 33; ++i) many += "$host";
  EXPECT_FALSE(parse_text_template(many));
}

TEST(AnnotationValues, ListsForOpenSslHaveNoZeroInside) {
  using namespace std::string_view_literals;
  EXPECT_TRUE(is_cipher_list("HIGH:!aNULL"));
  EXPECT_FALSE(is_cipher_list("HIGH\0:!aNULL"sv));
  EXPECT_FALSE(is_cipher_list("nothing-of-the-kind"));
  EXPECT_TRUE(is_group_list("X25519:P-256"));
  EXPECT_FALSE(is_group_list("X25519\0:P-256"sv));
}

TEST(AnnotationValues, Durations) {
  EXPECT_EQ(parse_duration_ms("30"), 30'000U);
  EXPECT_EQ(parse_duration_ms("1h30m"), 5'400'000U);
  EXPECT_EQ(parse_duration_ms("1m500ms"), 60'500U);
  EXPECT_EQ(parse_duration_ms("40d"), 3'456'000'000U);
  EXPECT_EQ(parse_duration_ms("0"), 0U);
  for (const auto* wrong : {"s", "-1", "1.5s", "1 s", "5x", "1h30", "50d", "4294968",
                            "99999999999999999999", "18446744073709551615d", "+1s", "1hm"}) {
    EXPECT_EQ(parse_duration_ms(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(format_duration(5'400'000), "1h30m");
  EXPECT_EQ(format_duration(3'456'000'000), "40d");
  EXPECT_EQ(format_duration(1), "1ms");
  EXPECT_EQ(format_duration(0), "0");
}

}  // namespace
}  // namespace weir::ingress
