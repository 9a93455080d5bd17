#include "inspect/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ingress/annotations.h"
#include "inspect/dumps.h"

namespace weir::inspect {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

LintReport lint_of(Input input) {
  return lint(std::move(input), {}, false);
}

TEST(Lint, NamesPlaceObjectFieldAndWhatToDo) {
  const auto report = lint_of(dump("faulty.yaml"));
  for (const char* line : {
           "faulty.yaml:9: error: Ingress default/faulty "
           "metadata.annotations[nginx.ingress.kubernetes.io/proxy-next-upstream]: \"sometimes\"",
           "faulty.yaml:10: warning: Ingress default/faulty "
           "metadata.annotations[nginx.ingress.kubernetes.io/ssl-redirekt]: weir knows no "
           "annotation of this name; did you mean nginx.ingress.kubernetes.io/ssl-redirect? "
           "[UnknownAnnotation]",
           "faulty.yaml:14: error: Ingress default/faulty spec.tls[0].secretName: there is no "
           "Secret default/gone; the default certificate is served [SecretNotFound]",
           "faulty.yaml:21: error: Ingress default/faulty "
           "spec.rules[0].http.paths[0].backend.service.name: there is no Service default/gone",
           "faulty.yaml:24: error: Ingress default/faulty",
           "faulty.yaml:37: error: Service default/Web metadata.name: must be lower-case",
       }) {
    EXPECT_THAT(report.text, HasSubstr(line));
  }
  EXPECT_GE(report.errors, 5U);
  EXPECT_GE(report.warnings, 1U);
}

TEST(Lint, GoodManifestsHaveNoFinding) {
  const auto report = lint_of(dump("shop"));
  EXPECT_EQ(report.text, "0 errors, 0 warnings in 2 Ingresses\n");
}

TEST(Lint, SaysWhatItCouldNotLookAtInsteadOfMissingIt) {
  const auto report = lint_of(dump("ingresses.yaml"));
  EXPECT_THAT(report.text, Not(HasSubstr("NotFound")));
  EXPECT_THAT(report.text, HasSubstr("note: no Service is in the input"));
  EXPECT_THAT(report.text, HasSubstr("note: no Secret is in the input"));
  EXPECT_THAT(report.text, HasSubstr("note: 1 Ingress of another class is passed over"));
  EXPECT_THAT(report.text, HasSubstr("in 3 Ingresses\n"));
}

TEST(Lint, AnnotationWithoutEffectIsAnErrorIfThatClosesThePaths) {
  const auto problem = [](std::string_view name) {
    return kube::Problem{"NotInEffect", {}, "metadata.annotations[" + std::string(name) + "]", ""};
  };
  for (const auto& theme : ingress::annotation_themes()) {
    for (const auto& annotation : theme.annotations) {
      if (annotation.effect != ingress::Effect::NotYet) continue;
      EXPECT_EQ(severity_of(problem(annotation.name)),
                annotation.close == nullptr ? Severity::Warning : Severity::Error)
          << annotation.name;
    }
  }
}

TEST(Lint, SomebodyElsesTextDoesNothingToTheTerminal) {
  const auto report = lint_of(manifest(
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: a\n  annotations:\n"
      "    nginx.ingress.kubernetes.io/load-balance: \"\\e[2J\\u009b\"\nspec:\n  rules:\n"
      "  - host: a.example\n"));
  EXPECT_THAT(report.text, HasSubstr("load-balance"));
  EXPECT_THAT(report.text, Not(ContainsRegex("[\x1b\x9b]")));
}

TEST(Lint, ColoursOnlyWhereAskedFor) {
  EXPECT_THAT(lint(dump("faulty.yaml"), {}, true).text, HasSubstr("\033[1;31merror\033[0m"));
  EXPECT_THAT(lint_of(dump("faulty.yaml")).text, Not(HasSubstr("\033")));
}

}  // namespace
}  // namespace weir::inspect
