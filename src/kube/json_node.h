#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/problem.h"

/// Only for the decode_*.cc files: JSON does not travel beyond them.
namespace weir::kube {

/// Collects what is wrong with the object being decoded.
struct Report {
  /// No API server has checked or defaulted the object: it comes from a folder.
  bool from_folder = false;
  ObjectRef object;
  std::vector<Problem> problems;

  void add(std::string field, std::string message);
};

/// A value at a place in an object. A missing value and null are the same, as for the API server.
/// A value of the wrong type becomes a problem that names the place, and reads as missing.
class Node {
 public:
  Node(const nlohmann::json& root, Report& report) : value_(&root), report_(&report) {}

  bool present() const { return value_ != nullptr && !value_->is_null(); }
  Node operator[](const char* key) const;
  /// A member whose name is data, not schema: "data[tls.crt]".
  Node entry(std::string_view key) const;

  /// Missing: "".
  std::string text() const;
  std::optional<bool> boolean() const;
  std::optional<std::int64_t> integer() const;
  /// A port number, 1 to 65535. Missing: nothing.
  std::optional<std::int32_t> port() const;
  /// A number or a string, as text.
  std::string text_or_number() const;
  /// The strings of an array.
  std::vector<std::string> texts() const;

  /// Calls `f(Node)` for each element of an array.
  template <class F>
  void each(F f) const {
    if (!is_array()) return;
    for (std::size_t i = 0; i < value_->size(); ++i)
      f(step(&(*value_)[i], {}, static_cast<int>(i)));
  }
  /// Calls `f(std::string_view key, Node)` for each member of an object.
  template <class F>
  void each_entry(F f) const {
    if (!is_object()) return;
    for (const auto& [key, value] : value_->items()) f(std::string_view(key), entry(key));
  }

  /// Calls `f(std::string_view key, Node)` for each member of an object whose names are schema that
  /// the caller does not know: the place of one is "spec.timeouts".
  template <class F>
  void each_member(F f) const {
    if (!is_object()) return;
    for (const auto& [key, value] : value_->items()) {
      f(std::string_view(key), step(&value, key, kMember));
    }
  }
  bool is_scalar() const { return present() && !value_->is_structured(); }
  bool is_list() const { return present() && value_->is_array(); }
  /// A string, a number, true or false.
  std::string scalar_text() const;

  /// Reports a problem with this value.
  void refuse(std::string message) const { report_->add(path(), std::move(message)); }
  bool from_folder() const { return report_->from_folder; }

 private:
  static constexpr int kMember = -1;
  static constexpr int kEntry = -2;
  /// Deeper than any field that weir reads.
  static constexpr std::size_t kMaxDepth = 16;

  struct Segment {
    std::string_view key;  // lives as long as the document, or is a literal
    int index = kMember;
  };

  Node step(const nlohmann::json* value, std::string_view key, int index) const;
  const nlohmann::json* find(std::string_view key) const;
  bool is_object() const;
  bool is_array() const;
  std::string path() const;

  const nlohmann::json* value_;
  Report* report_;
  std::size_t depth_ = 0;
  Segment segments_[kMaxDepth];
};

/// status.loadBalancer.ingress of the object.
std::vector<LoadBalancerAddress> decode_addresses(const Node& root);

Ingress decode_ingress(const Node& root);
IngressClass decode_ingress_class(const Node& root);
Service decode_service(const Node& root);
EndpointSlice decode_endpoint_slice(const Node& root);
Secret decode_secret(const Node& root);
ConfigMap decode_config_map(const Node& root);
Policy decode_policy(Kind kind, const Node& root);

/// Whether weir reads this key of a Secret's data.
bool is_read_secret_key(std::string_view key);

}  // namespace weir::kube
