#include "kube/yaml.h"

#include <charconv>
#include <set>

#include <yaml-cpp/yaml.h>

namespace weir::kube {

namespace {

constexpr int kMaxNesting = 100;
/// JSON is a few times larger than dense YAML; what grows beyond that is an alias bomb.
constexpr std::size_t kMaxGrowth = 16;
constexpr std::size_t kGrowthAllowance = 64 * 1024;

struct Refused {
  int line;
  std::string reason;
};

int line_of_mark(const YAML::Node& node) {
  return node.Mark().line + 1;
}

void write_string(std::string_view text, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

/// JSON for an integer in one of YAML's ways to write it: 12, +12, 0x1f, 0o17, 017, 0b11.
std::optional<std::string> integer_json(std::string_view text) {
  const bool negative = text.substr(0, 1) == "-";
  if (negative || text.substr(0, 1) == "+") text.remove_prefix(1);
  int base = 10;
  if (text.size() > 1 && text[0] == '0') {
    const char c = text[1];
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    text.remove_prefix(c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
  }
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return (negative && value != 0 ? "-" : "") + std::to_string(value);
}

bool is_float(std::string_view text) {
  double value = 0;
  if (text.substr(0, 1) == "+") text.remove_prefix(1);
  if (text.empty() || text.find_first_not_of("0123456789.eE+-") != std::string_view::npos) {
    return false;
  }
  const auto* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && stop == end;
}

/// A scalar without quotes or tag.
std::string plain_json(const std::string& text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return "null";
  if (is_one_of(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"})) {
    return "true";
  }
  if (is_one_of(text,
                {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"})) {
    return "false";
  }
  if (auto integer = integer_json(text)) return *integer;
  // The value itself is never read, only that it is a number and not a whole one.
  if (is_float(text)) return "0.5";
  std::string out;
  write_string(text, out);
  return out;
}

/// Writes one document, and notes what was wrong with it but can be read over.
class Writer {
 public:
  Writer(std::size_t max_size, std::size_t& total) : max_size_(max_size), total_(total) {}

  void write(const YAML::Node& node, YamlObject& object, int depth = 0) {
    if (depth > kMaxNesting) throw Refused{line_of_mark(node), "nested too deeply"};
    const auto before = object.json.size();
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        object.json += "null";
        break;
      case YAML::NodeType::Scalar:
        write_scalar(node, object.json);
        break;
      case YAML::NodeType::Sequence:
        write_sequence(node, object, depth);
        return;
      case YAML::NodeType::Map:
        write_map(node, object, depth);
        return;
    }
    count(node, object.json.size() - before);
  }

 private:
  using Entries = std::vector<std::pair<std::string, YAML::Node>>;

  void count(const YAML::Node& node, std::size_t bytes) {
    total_ += bytes;
    if (total_ > max_size_) throw Refused{line_of_mark(node), "grows too large by its aliases"};
  }

  static void write_scalar(const YAML::Node& node, std::string& out) {
    const auto& tag = node.Tag();
    if (tag == "?" || tag.empty() || tag == "tag:yaml.org,2002:int" ||
        tag == "tag:yaml.org,2002:bool" || tag == "tag:yaml.org,2002:float") {
      out += plain_json(node.Scalar());
    } else {
      write_string(node.Scalar(), out);
    }
  }

  void write_sequence(const YAML::Node& node, YamlObject& object, int depth) {
    count(node, 2);
    object.json += '[';
    bool first = true;
    for (const auto& item : node) {
      if (!first) object.json += ',';
      first = false;
      write(item, object, depth + 1);
    }
    object.json += ']';
  }

  void write_map(const YAML::Node& node, YamlObject& object, int depth) {
    Entries entries;
    std::set<std::string> keys;
    collect(node, depth, entries, keys, &object);
    object.json += '{';
    bool first = true;
    for (const auto& [key, value] : entries) {
      if (!first) object.json += ',';
      first = false;
      write_string(key, object.json);
      object.json += ':';
      write(value, object, depth + 1);
    }
    object.json += '}';
  }

  /// The map's own entries, then those merged into it. `object` is where twins are noted; none for
  /// merged maps, whose entries just give way.
  void collect(const YAML::Node& node, int depth, Entries& entries, std::set<std::string>& keys,
               YamlObject* object) {
    if (depth > kMaxNesting) throw Refused{line_of_mark(node), "nested too deeply"};
    std::vector<YAML::Node> merged;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar() && !entry.first.IsNull()) {
        throw Refused{line_of_mark(node), "a key must be text"};
      }
      const std::string key = entry.first.IsNull() ? "null" : entry.first.Scalar();
      count(entry.first, key.size() + 2);
      if (key == "<<" && entry.first.Tag() == "?") {
        merged.push_back(entry.second);
      } else if (keys.insert(key).second) {
        entries.emplace_back(key, entry.second);
      } else if (object != nullptr) {
        object->duplicates.push_back(
            {line_of_mark(entry.first), "the key \"" + key + "\" is there twice"});
      }
    }
    for (const auto& source : merged) merge(source, depth + 1, entries, keys);
  }

  void merge(const YAML::Node& source, int depth, Entries& entries, std::set<std::string>& keys) {
    if (source.IsMap()) {
      collect(source, depth, entries, keys, nullptr);
    } else if (source.IsSequence()) {
      for (const auto& item : source) {
        if (!item.IsMap()) throw Refused{line_of_mark(item), "only maps can be merged by <<"};
        collect(item, depth, entries, keys, nullptr);
      }
    } else {
      throw Refused{line_of_mark(source), "only maps can be merged by <<"};
    }
  }

  std::size_t max_size_;
  std::size_t& total_;
};

/// The member of a map, or an undefined node.
YAML::Node member(const YAML::Node& node, std::string_view key) {
  if (node.IsMap()) {
    for (const auto& entry : node) {
      if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
    }
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

/// Takes the first step off a path: "rules", then "[0]", then "host" of "rules[0].host".
std::string_view take_segment(std::string_view& path) {
  if (path.front() == '.') path.remove_prefix(1);
  if (path.substr(0, 1) == "[") {
    const auto end = std::min(path.find(']'), path.size() - 1);
    const auto segment = path.substr(1, end - 1);
    path.remove_prefix(end + 1);
    return segment;
  }
  const auto end = std::min(path.find_first_of(".["), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

int find_line(YAML::Node node, std::string_view path) {
  int line = line_of_mark(node);
  while (!path.empty()) {
    const auto segment = take_segment(path);
    YAML::Node next(YAML::NodeType::Undefined);
    if (node.IsSequence()) {
      std::size_t index = 0;
      std::from_chars(segment.data(), segment.data() + segment.size(), index);
      if (index < node.size()) next.reset(node[index]);
    } else {
      next.reset(member(node, segment));
    }
    if (!next.IsDefined()) return line;
    node.reset(next);
    if (!node.Mark().is_null()) line = line_of_mark(node);
  }
  return line;
}

std::string scalar_or_empty(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() ? node.Scalar() : std::string();
}

YamlObject to_object(const YAML::Node& node, Writer& writer) {
  YamlObject object;
  object.line = line_of_mark(node);
  if (!node.IsMap()) throw Refused{object.line, "not a Kubernetes object"};
  writer.write(node, object);
  object.line_of = [node](std::string_view field) { return find_line(node, field); };
  return object;
}

void split(const YAML::Node& document, Writer& writer, std::vector<YamlObject>& objects) {
  if (!document.IsDefined() || document.IsNull()) return;
  const auto kind = scalar_or_empty(member(document, "kind"));
  const auto items = member(document, "items");
  if (!kind.ends_with("List") || !items.IsDefined() || !items.IsSequence()) {
    objects.push_back(to_object(document, writer));
    return;
  }
  const auto api_version = scalar_or_empty(member(document, "apiVersion"));
  for (const auto& item : items) {
    auto object = to_object(item, writer);
    object.list_api_version = api_version;
    object.list_kind = kind;
    objects.push_back(std::move(object));
  }
}

}  // namespace

util::Result<std::vector<YamlObject>> read_yaml(std::string_view text) {
  try {
    std::size_t total = 0;
    Writer writer(text.size() * kMaxGrowth + kGrowthAllowance, total);
    std::vector<YamlObject> objects;
    for (const auto& document : YAML::LoadAll(std::string(text))) split(document, writer, objects);
    return objects;
  } catch (const YAML::Exception& error) {
    return util::malformed(std::to_string(error.mark.line + 1) + ": not valid YAML: " + error.msg);
  } catch (const Refused& refused) {
    return util::malformed(std::to_string(refused.line) + ": " + refused.reason);
  }
}

}  // namespace weir::kube
