#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "ingress/table_dump.h"
#include "ingress/test_certificates.h"
#include "ingress/translate.h"
#include "ingress/translator.h"
#include "kube/manifest.h"
#include "support/test_ca.h"

namespace weir::ingress {
namespace {

// A case is a folder: objects.yaml is what the cluster holds, expected.txt the table
// (table_dump.h).
//   # options: NAME[=VALUE] …   in the first line sets Options
//   ${certificate NAME …}       a certificate for these names; the pair of …
//   ${key NAME …}               … the key for the same names
//   ${rsa-certificate NAME …}, ${rsa-key NAME …}   as these, with an RSA key
//   ${staple NAME …}            an OCSP response about ${certificate NAME …}, as base64
// With WEIR_REWRITE_CASES=1 in the environment expected.txt is written anew, to be read over with
// `git diff`.

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  const std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string quoted(const std::string& text) {
  std::string line = "\"";
  for (const char c : text) line += c == '\n' ? std::string("\\n") : std::string(1, c);
  return line + '"';
}

std::string base64(const std::string& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

/// What a ${…} stands for.
std::string value_of(const std::string& what, const std::vector<std::string>& names) {
  if (what.starts_with("rsa-")) {
    const auto& pair = test::make_rsa_pair(names);
    return quoted(what == "rsa-certificate" ? pair.certificate_pem : pair.key_pem);
  }
  const auto& pair = test::make_pair(names);
  if (what == "staple") {
    static const test::TestCa authority;
    return base64(authority.ocsp_response({pair.certificate_pem, pair.key_pem}, 3600));
  }
  return quoted(what == "certificate" ? pair.certificate_pem : pair.key_pem);
}

std::string with_certificates(std::string text) {
  for (auto at = text.find("${"); at != text.npos; at = text.find("${", at)) {
    const auto end = text.find('}', at);
    std::istringstream words(text.substr(at + 2, end - at - 2));
    std::string what;
    words >> what;
    std::vector<std::string> names;
    for (std::string name; words >> name;) names.push_back(name);
    text.replace(at, end - at + 1, value_of(what, names));
  }
  return text;
}

NamespacedName parse_name(const std::string& text) {
  const auto slash = text.find('/');
  return {text.substr(0, slash), text.substr(slash + 1)};
}

Options read_options(const std::string& text) {
  Options options;
  std::istringstream words(text.substr(0, text.find('\n')));
  std::string word;
  words >> word >> word;
  if (word != "options:") return options;
  using Setter = std::function<void(Options&, const std::string&)>;
  static const std::map<std::string, Setter> setters = {
      {"ingress-class", [](auto& o, const auto& value) { o.ingress_class = value; }},
      {"controller-class", [](auto& o, const auto& value) { o.controller_classes = {value}; }},
      {"ingress-class-by-name", [](auto& o, const auto&) { o.ingress_class_by_name = true; }},
      {"watch-ingress-without-class",
       [](auto& o, const auto&) { o.watch_ingress_without_class = true; }},
      {"serve-classless", [](auto& o, const auto&) { o.serve_classless = true; }},
      {"allow-loopback", [](auto& o, const auto&) { o.allow_loopback = true; }},
      {"watch-namespace", [](auto& o, const auto& value) { o.watch_namespace = value; }},
      {"configmap", [](auto& o, const auto& value) { o.config_map = parse_name(value); }},
      {"tcp-services", [](auto& o, const auto& value) { o.tcp_services = parse_name(value); }},
      {"udp-services", [](auto& o, const auto& value) { o.udp_services = parse_name(value); }},
      {"ticket-secret", [](auto& o, const auto& value) { o.ticket_secret = parse_name(value); }},
      {"default-backend",
       [](auto& o, const auto& value) { o.default_backend = parse_name(value); }},
      {"default-certificate",
       [](auto& o, const auto& value) { o.default_certificate = parse_name(value); }},
      {"public-https-port",
       [](auto& o, const auto& value) {
         o.public_https_port = static_cast<std::uint16_t>(std::stoi(value));
       }},
  };
  while (words >> word) {
    const auto equals = word.find('=');
    const auto setter = setters.find(word.substr(0, equals));
    if (setter == setters.end()) {
      ADD_FAILURE() << "unknown option " << word;
    } else {
      setter->second(options, equals == word.npos ? "" : word.substr(equals + 1));
    }
  }
  return options;
}

std::vector<kube::Object> read_objects(const std::string& text) {
  std::vector<kube::Object> objects;
  auto manifest = kube::parse_manifest(with_certificates(text), "objects.yaml");
  if (!manifest) {
    ADD_FAILURE() << manifest.error().detail;
    return objects;
  }
  for (const auto& problem : manifest->problems) ADD_FAILURE() << problem.message;
  for (auto& entry : manifest->objects) objects.push_back(std::move(entry.object));
  return objects;
}

/// One object a step, as a watch would tell them.
std::string dump_of_steps(const std::vector<kube::Object>& objects, const Options& options) {
  Translator translator(options);
  std::map<table::ResourceKey, table::Resource> resources;
  std::set<kube::Problem> problems;
  const auto step = [&](kube::SourceEvents events) {
    const auto changes = translator.apply(std::move(events));
    for (const auto& upsert : changes.upserts) {
      resources.insert_or_assign(table::key_of(upsert), upsert);
    }
    for (const auto& key : changes.removes) resources.erase(key);
    for (const auto& problem : changes.disappeared) problems.erase(problem);
    problems.insert(changes.appeared.begin(), changes.appeared.end());
  };
  step({});
  for (const auto& object : objects) {
    kube::SourceEvents events;
    events.upserts.push_back(object);
    step(std::move(events));
  }
  return test::dump(resources, problems);
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(WEIR_INGRESS_CASES)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Case : public testing::TestWithParam<std::string> {};

TEST_P(Case, GivesTheExpectedTable) {
  const fs::path folder = fs::path(WEIR_INGRESS_CASES) / GetParam();
  const std::string text = read(folder / "objects.yaml");
  auto objects = read_objects(text);
  ASSERT_FALSE(objects.empty());
  const Options options = read_options(text);

  const auto translation = translate(objects, options);
  const std::string dump = test::dump(translation.resources, translation.problems);
  if (std::getenv("WEIR_REWRITE_CASES")) std::ofstream(folder / "expected.txt") << dump;

  EXPECT_EQ(dump, read(folder / "expected.txt"));
  EXPECT_EQ(dump, dump_of_steps(objects, options)) << "object by object";
  std::reverse(objects.begin(), objects.end());
  EXPECT_EQ(dump, dump_of_steps(objects, options))
      << "object by object, from the last to the first";
}

INSTANTIATE_TEST_SUITE_P(Ingress, Case, testing::ValuesIn(case_names()), [](const auto& test) {
  std::string name = test.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace weir::ingress
