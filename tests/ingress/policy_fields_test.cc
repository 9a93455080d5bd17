#include "ingress/policy_fields.h"

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingress/admission_policy.h"
#include "ingress/policy_schema.h"
#include "ingress/policy_settings.h"

namespace weir::ingress {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kRoot = fs::path(WEIR_DOCS).parent_path();

std::string read(const fs::path& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

kube::Policy policy(kube::Kind kind, const std::string& path, std::vector<std::string> value) {
  kube::Policy made;
  made.kind = kind;
  made.meta.ns = "default";
  made.meta.name = "p";
  made.fields[path] = std::move(value);
  return made;
}

/// What its annotation would have; "" if it is refused.
std::string taken(kube::Kind kind, const std::string& path, std::vector<std::string> value) {
  const auto read = read_policy(policy(kind, path, std::move(value)));
  return read.settings->values.empty() ? "" : read.settings->values.front().text;
}

TEST(PolicyFields, AreEachAnAnnotationInEffectAndSaidOnce) {
  for (const auto& kind : policy_kinds()) {
    std::set<std::string> paths;
    std::set<const Annotation*> annotations;
    for (const auto& field : kind.fields) {
      SCOPED_TRACE(field.path);
      EXPECT_TRUE(paths.insert(field.path).second);
      EXPECT_TRUE(annotations.insert(field.annotation).second);
      EXPECT_EQ(field.annotation->effect, Effect::InEffect);
      EXPECT_FALSE(field.text.ends_with('.'));
    }
  }
}

TEST(PolicyFields, HaveAllAnnotationsOfTunnels) {
  const auto& fields = policy_kind(kube::Kind::TunnelPolicy).fields;
  for (const auto& theme : annotation_themes()) {
    if (theme.title != "Tunnels") continue;
    EXPECT_EQ(theme.annotations.size(), fields.size());
    for (const auto& annotation : theme.annotations) {
      EXPECT_TRUE(std::ranges::any_of(fields, [&](const auto& field) {
        return field.annotation == &annotation;
      })) << annotation.name;
    }
  }
}

TEST(PolicyFields, AreReadAsTheirAnnotations) {
  using enum kube::Kind;
  EXPECT_EQ(taken(TunnelPolicy, "websocket", {"false"}), "off");
  EXPECT_EQ(taken(TunnelPolicy, "onRouteChange", {"Keep"}), "keep");
  EXPECT_EQ(taken(TunnelPolicy, "limits.frameSize", {"64Ki"}), "64k");
  EXPECT_EQ(taken(TunnelPolicy, "upgradeProtocols", {"a", "b"}), "a,b");
  EXPECT_EQ(taken(TunnelPolicy, "timeouts.idle", {"0s"}), "0s");
  EXPECT_EQ(taken(BackendPolicy, "timeouts.connect", {"1m30s"}), "90");
  EXPECT_EQ(taken(BackendPolicy, "retries.conditions", {"error", "timeout"}), "error timeout");
  EXPECT_EQ(taken(BackendPolicy, "balancing.algorithm", {"RoundRobin"}), "round_robin");
  EXPECT_EQ(taken(BackendPolicy, "tls.secretName", {"ca"}), "default/ca");
  EXPECT_EQ(taken(WeirConfig, "backends.protocol", {"HTTPS"}), "HTTPS");
}

TEST(PolicyFields, ThatAreWrongAreSaid) {
  using enum kube::Kind;
  EXPECT_EQ(taken(BackendPolicy, "timeouts.connect", {"1500ms"}), "");
  EXPECT_EQ(taken(BackendPolicy, "tls.secretName", {"team/ca"}), "");
  EXPECT_EQ(taken(TunnelPolicy, "websocket", {"maybe"}), "");
  EXPECT_EQ(taken(WeirConfig, "backends.tls.secretName", {"ca"}), "") << "of which namespace?";
  EXPECT_EQ(taken(TunnelPolicy, "origins.allowed", {"not an origin"}), "same-host")
      << "nobody is let in by a typo";
  const auto read = read_policy(policy(TunnelPolicy, "limits.tunnels", {"-1"}));
  ASSERT_EQ(read.problems.size(), 1U);
  EXPECT_EQ(read.problems[0].code, "InvalidField");
  EXPECT_EQ(read.problems[0].field, "spec.limits.tunnels");
}

TEST(PolicyFields, WordsAreInCamelCase) {
  EXPECT_EQ(camel_case("round_robin"), "RoundRobin");
  EXPECT_EQ(camel_case("HTTPS"), "HTTPS");
}

TEST(PolicyFields, TheFilesMadeOfThemAreAsTheyShouldBe) {
  for (const auto& kind : policy_kinds()) {
    const auto file = "weir.dev_" + std::string(kind.plural) + ".yaml";
    const auto definition = policy_definition(kind);
    EXPECT_TRUE(read(kRoot / "crds" / file) == definition) << file << ": run tools/make-crds";
    EXPECT_TRUE(read(kRoot / "charts/weir/files/crds" / file) == definition)
        << file << " of the chart: run tools/make-crds";
  }
  EXPECT_TRUE(read(kRoot / "docs/crds.md") == policy_reference()) << "run tools/make-crds";
  EXPECT_TRUE(read(kRoot / "charts/weir/files/admission-policy.yaml") == admission_policy())
      << "run tools/make-crds";
}

TEST(AdmissionPolicy, NamesAnnotationAndFix) {
  const auto text = admission_policy();
  EXPECT_THAT(text, HasSubstr("annotation weir.dev/websocket must be \\\"on\\\" or \\\"off\\\""));
  EXPECT_THAT(text, HasSubstr("nginx.ingress.kubernetes.io/server-snippet never has an effect"));
}

}  // namespace
}  // namespace weir::ingress
