#include "kube/json_node.h"

#include <cassert>

namespace weir::kube {

namespace {

constexpr std::size_t kMaxProblems = 32;  // of one object

std::string wrong_type(const char* wanted, const nlohmann::json& value) {
  std::string message = std::string("must be ") + wanted + ", not a";
  const std::string_view type = value.type_name();
  if (type == "object" || type == "array") message += 'n';
  return message + ' ' + std::string(type);
}

}  // namespace

void Report::add(std::string field, std::string message) {
  Problem problem{"InvalidObject", object, std::move(field), std::move(message)};
  if (problems.size() >= kMaxProblems) return;
  if (std::find(problems.begin(), problems.end(), problem) != problems.end()) return;
  problems.push_back(std::move(problem));
}

Node Node::step(const nlohmann::json* value, std::string_view key, int index) const {
  assert(depth_ < kMaxDepth);
  Node child = *this;
  child.value_ = value;
  child.segments_[child.depth_++] = {key, index};
  return child;
}

const nlohmann::json* Node::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  const auto found = value_->find(key);
  return found == value_->end() ? nullptr : &*found;
}

Node Node::operator[](const char* key) const {
  return step(find(key), key, kMember);
}
Node Node::entry(std::string_view key) const {
  return step(find(key), key, kEntry);
}

bool Node::is_object() const {
  if (!present()) return false;
  if (!value_->is_object()) refuse(wrong_type("an object", *value_));
  return value_->is_object();
}

bool Node::is_array() const {
  if (!present()) return false;
  if (!value_->is_array()) refuse(wrong_type("a list", *value_));
  return value_->is_array();
}

std::string Node::text() const {
  if (!present()) return {};
  if (value_->is_string()) return value_->get<std::string>();
  auto message = wrong_type("a string", *value_);
  if (value_->is_number() || value_->is_boolean()) message += "; put it in quotes";
  refuse(std::move(message));
  return {};
}

std::optional<bool> Node::boolean() const {
  if (!present()) return std::nullopt;
  if (value_->is_boolean()) return value_->get<bool>();
  refuse(wrong_type("true or false", *value_));
  return std::nullopt;
}

std::optional<std::int64_t> Node::integer() const {
  if (!present()) return std::nullopt;
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX) {
    refuse("is out of range");
    return std::nullopt;
  }
  if (value_->is_number_integer()) return value_->get<std::int64_t>();
  refuse(value_->is_number() ? "must be a whole number" : wrong_type("a number", *value_));
  return std::nullopt;
}

std::optional<std::int32_t> Node::port() const {
  const auto number = integer();
  if (!number) return std::nullopt;
  if (*number >= 1 && *number <= 65535) return static_cast<std::int32_t>(*number);
  refuse("must be between 1 and 65535");
  return std::nullopt;
}

std::string Node::text_or_number() const {
  if (!present() || value_->is_string()) return text();
  if (value_->is_number()) {
    const auto number = integer();
    return number ? std::to_string(*number) : std::string();
  }
  refuse(wrong_type("a number or a string", *value_));
  return {};
}

std::string Node::scalar_text() const {
  if (!present() || value_->is_string()) return text();
  if (value_->is_boolean()) return value_->get<bool>() ? "true" : "false";
  return text_or_number();
}

std::vector<std::string> Node::texts() const {
  std::vector<std::string> texts;
  each([&](const Node& item) { texts.push_back(item.text()); });
  return texts;
}

std::string Node::path() const {
  std::string path;
  for (std::size_t i = 0; i < depth_; ++i) {
    const auto& segment = segments_[i];
    if (segment.index >= 0) {
      path += '[' + std::to_string(segment.index) + ']';
    } else if (segment.index == kEntry) {
      path.append("[").append(segment.key).append("]");
    } else {
      if (!path.empty()) path += '.';
      path += segment.key;
    }
  }
  return path;
}

}  // namespace weir::kube
