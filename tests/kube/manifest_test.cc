#include "kube/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

Manifest parse(std::string_view text, const std::string& name = "chat/all.yaml") {
  auto manifest = parse_manifest(text, name);
  if (manifest) return std::move(*manifest);
  ADD_FAILURE() << manifest.error().detail;
  return {};
}

std::string broken(std::string_view text, const std::string& name = "chat/all.yaml") {
  const auto manifest = parse_manifest(text, name);
  return manifest ? "(good)" : manifest.error().detail;
}

std::vector<std::string> messages(const Manifest& manifest) {
  std::vector<std::string> texts;
  for (const auto& p : manifest.problems) texts.push_back(p.field + " " + p.message);
  return texts;
}

std::vector<std::string> names(const Manifest& manifest) {
  std::vector<std::string> texts;
  for (const auto& o : manifest.objects)
    texts.push_back(to_string(ref_of(o.object)) + " " + o.location);
  return texts;
}

std::string config_map(const std::string& data) {
  return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n" + data;
}

std::string value_of(const std::string& data) {
  const auto manifest = parse(config_map(data));
  if (manifest.objects.empty()) return "(refused)";
  return std::get<ConfigMap>(manifest.objects[0].object).data.at("k");
}

TEST(Manifest, ReadsDocumentsAndPassesOverOthers) {
  const auto manifest = parse(R"(# a comment
---
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  ports:
  - port: 80
---
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: weir
spec:
  controller: weir.dev/ingress
)");
  EXPECT_THAT(names(manifest), ElementsAre("Service default/web chat/all.yaml:3",
                                           "IngressClass weir chat/all.yaml:16"));
  EXPECT_THAT(manifest.problems, IsEmpty());
}

TEST(Manifest, AnEmptyFileHasNoObjects) {
  EXPECT_THAT(parse("").objects, IsEmpty());
  EXPECT_THAT(parse("---\n# nothing\n").objects, IsEmpty());
}

TEST(Manifest, ProblemsNameFileAndLine) {
  const auto manifest = parse(R"(apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: shop
spec:
  rules:
  - host: shop.example
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: web
            port:
              number: "80"
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: 123
)");
  EXPECT_THAT(messages(manifest),
              ElementsAre("spec.rules[0].http.paths[0].backend.service.port.number "
                          "chat/all.yaml:16: must be a number, not a string",
                          "metadata.name chat/all.yaml:21: must be a string, not a number; put it "
                          "in quotes"));
}

TEST(Manifest, TypesScalarsAsKubectlDoes) {
  EXPECT_EQ(value_of("  k: text"), "text");
  EXPECT_EQ(value_of("  k: '123'"), "123");
  EXPECT_EQ(value_of("  k: \"true\""), "true");
  EXPECT_EQ(value_of("  k: !!str 123"), "123");
  EXPECT_EQ(value_of("  k: 1.2.3"), "1.2.3");
  EXPECT_EQ(value_of("  k: 2026-11-21T10:00:00Z"), "2026-11-21T10:00:00Z");
  EXPECT_EQ(value_of("  k: |\n    a\n    b\t\"\\\n"), "a\nb\t\"\\\n");
  EXPECT_EQ(value_of("  k: 'grüß'"), "grüß");
  for (const char* typed : {"123", "true", "no", "on", "1.5", "0x1f", "1e3", "-7"}) {
    EXPECT_EQ(value_of(std::string("  k: ") + typed), "(refused)") << typed;
  }
  const auto manifest =
      parse("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 0x50}]}");
  ASSERT_THAT(manifest.objects, SizeIs(1));
  EXPECT_EQ(std::get<Service>(manifest.objects[0].object).ports[0].port, 80);
}

TEST(Manifest, RefusesAnObjectWithADoubleKey) {
  const auto manifest = parse(config_map("  k: a\n  k: b\n") + "---\n" + config_map("  k: a\n"));
  EXPECT_THAT(names(manifest), ElementsAre("ConfigMap default/c chat/all.yaml:8"));
  EXPECT_THAT(messages(manifest),
              ElementsAre(" chat/all.yaml:1: the key \"k\" is there twice (line 6)"));
}

TEST(Manifest, FollowsAliasesAndMergeKeys) {
  const auto manifest = parse(R"(apiVersion: v1
kind: ConfigMap
metadata: {name: c}
x-common: &common {k: common, other: &o "1"}
data:
  <<: *common
  k: own
  third: *o
)");
  ASSERT_THAT(manifest.objects, SizeIs(1));
  const auto& data = std::get<ConfigMap>(manifest.objects[0].object).data;
  EXPECT_EQ(data.at("k"), "own");
  EXPECT_EQ(data.at("other"), "1");
  EXPECT_EQ(data.at("third"), "1");
}

TEST(Manifest, StopsAliasBombs) {
  std::string text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n";
  for (int i = 1; i < 12; ++i) {
    const auto before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 8; ++j) text += "," + before;
    text += "]\n";
  }
  EXPECT_THAT(broken(text), HasSubstr("aliases"));
  EXPECT_THAT(broken("a: &a [*a]"), HasSubstr("nested too deeply"));
  EXPECT_THAT(broken("a: &a\n  <<: *a\n"), HasSubstr("nested too deeply"));
}

TEST(Manifest, SurvivesDeepNesting) {
  for (const char bracket : {'[', '{'}) {
    EXPECT_THAT(broken(std::string(100'000, bracket)), StartsWith("chat/all.yaml:1: "));
  }
  EXPECT_THAT(broken("a: " + std::string(200, '[') + std::string(200, ']')),
              HasSubstr("nested too deeply"));
}

TEST(Manifest, AFileThatIsNotYamlIsBrokenAsAWhole) {
  EXPECT_THAT(broken(config_map("  k: a\n") + "---\na: b: c\n"),
              StartsWith("chat/all.yaml:7: not valid YAML"));
  EXPECT_THAT(broken("just text"), StartsWith("chat/all.yaml:1: not a Kubernetes object"));
  EXPECT_THAT(broken("- a\n- b\n"), HasSubstr("not a Kubernetes object"));
  EXPECT_THAT(broken("a: 1\nb: \xff\n"), StartsWith("chat/all.yaml:2: not UTF-8"));
  EXPECT_THAT(broken("\x1f\x8b\x08\x00 not text"), StartsWith("chat/all.yaml:1:"));
  EXPECT_THAT(broken("{\"a\": 1,\n]", "a.json"), StartsWith("a.json:1: not valid JSON in line 2"));
}

TEST(Manifest, TakesListsApart) {
  const auto yaml = parse(R"(apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
)");
  EXPECT_THAT(names(yaml), ElementsAre("ConfigMap default/a chat/all.yaml:4",
                                       "ConfigMap default/b chat/all.yaml:7"));
  const auto typed = parse(
      "apiVersion: v1\nkind: SecretList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n");
  EXPECT_THAT(names(typed),
              ElementsAre("Secret default/a chat/all.yaml:4", "Secret default/b chat/all.yaml:5"));
}

TEST(Manifest, ReadsJson) {
  const auto single = parse(R"({"apiVersion": "v1", "kind": "ConfigMap",
    "metadata": {"name": "a"}, "data": {"k": "\ud83d\ude00"}})",
                            "a.json");
  ASSERT_THAT(names(single), ElementsAre("ConfigMap default/a a.json:1"));
  EXPECT_EQ(std::get<ConfigMap>(single.objects[0].object).data.at("k"), "\xf0\x9f\x98\x80");

  const auto list = parse(R"({"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "items": []},

    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b,]}\""}}
  ], "metadata": {}})",
                          "a.json");
  EXPECT_THAT(names(list), ElementsAre("ConfigMap default/a a.json:2"));
  EXPECT_THAT(messages(list), ElementsAre(StartsWith("metadata.name a.json:4: ")));

  EXPECT_THAT(names(parse("{apiVersion: v1, kind: ConfigMap, metadata: {name: flow}}")),
              ElementsAre("ConfigMap default/flow chat/all.yaml:1"));
}

}  // namespace
}  // namespace weir::kube
