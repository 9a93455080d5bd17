#include "kube/manifest.h"

#include "kube/decode.h"
#include "kube/list_splitter.h"
#include "kube/yaml.h"
#include "util/log.h"

namespace weir::kube {

namespace {

constexpr std::size_t kMaxItem = 64 << 20;

/// The line (from 1) of the first byte that is not UTF-8 (RFC 3629 §4), or 0.
std::size_t find_bad_utf8(std::string_view text) {
  std::size_t line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '\n') ++line;
    const std::size_t length = c < 0x80   ? 1
                               : c < 0xc2 ? 0
                               : c < 0xe0 ? 2
                               : c < 0xf0 ? 3
                               : c < 0xf5 ? 4
                                          : 0;
    if (length == 0 || i + length > text.size()) return line;
    for (std::size_t j = 1; j < length; ++j) {
      if ((static_cast<unsigned char>(text[i + j]) & 0xc0) != 0x80) return line;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool overlong = (c == 0xe0 && second < 0xa0) || (c == 0xf0 && second < 0x90);
    const bool surrogate = c == 0xed && second > 0x9f;
    if (overlong || surrogate || (c == 0xf4 && second > 0x8f)) return line;
    i += length;
  }
  return 0;
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  std::string place(std::size_t line) const { return name_ + ":" + std::to_string(line); }

  void take(std::optional<Decoded> decoded, std::size_t line,
            const std::function<std::size_t(std::string_view)>& line_of) {
    if (!decoded) {
      util::log::debug("{}: of a kind that weir does not read", place(line));
      return;
    }
    for (auto& problem : decoded->problems) {
      problem.message = place(line_of(problem.field)) + ": " + problem.message;
      manifest_.problems.push_back(std::move(problem));
    }
    if (decoded->object) {
      manifest_.objects.push_back({std::move(*decoded->object), place(line), line_of});
    }
  }

  util::Result<Manifest> read_yaml_text(std::string_view text) {
    const auto objects = read_yaml(text);
    if (!objects) return util::malformed(name_ + ":" + objects.error().detail);
    for (const auto& object : *objects) {
      auto decoded =
          decode_manifest(object.json, list_item_kind(object.list_api_version, object.list_kind));
      if (!decoded) {
        return util::malformed(place(static_cast<std::size_t>(object.line)) + ": " +
                               decoded.error().detail);
      }
      if (*decoded) refuse_duplicates(object, **decoded);
      take(std::move(*decoded), static_cast<std::size_t>(object.line),
           [line_of = object.line_of](std::string_view field) {
             return static_cast<std::size_t>(line_of(field));
           });
    }
    return std::move(manifest_);
  }

  util::Result<Manifest> read_json_text(std::string_view text) {
    struct Item {
      std::string text;
      std::size_t line;
    };
    std::vector<Item> items;
    ListSplitter splitter(kMaxItem, [&](std::string_view item, std::size_t line) {
      items.push_back({std::string(item), line});
    });
    bool is_list = false;
    std::optional<Kind> item_kind;
    if (splitter.feed(text)) {
      if (const auto head = decode_list_head(splitter.head())) {
        is_list = head->kind.ends_with("List");
        item_kind = list_item_kind(head->api_version, head->kind);
      }
    }
    if (!is_list) items = {{std::string(text), 1}};
    for (const auto& item : items) {
      auto decoded = decode_manifest(item.text, item_kind);
      if (!decoded) return util::malformed(place(item.line) + ": " + decoded.error().detail);
      take(std::move(*decoded), item.line, [line = item.line](std::string_view) { return line; });
    }
    return std::move(manifest_);
  }

 private:
  static void refuse_duplicates(const YamlObject& object, Decoded& decoded) {
    if (object.duplicates.empty()) return;
    // Which of the two was meant cannot be known, so neither is taken.
    decoded.object.reset();
    for (const auto& duplicate : object.duplicates) {
      decoded.problems.push_back(
          {"InvalidObject", decoded.ref, "",
           duplicate.message + " (line " + std::to_string(duplicate.line) + ")"});
    }
  }

  const std::string& name_;
  Manifest manifest_;
};

}  // namespace

util::Result<Manifest> parse_manifest(std::string_view text, const std::string& name) {
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);  // a byte order mark
  Reader reader(name);
  if (const auto line = find_bad_utf8(text); line > 0) {
    return util::malformed(reader.place(line) + ": not UTF-8 text");
  }
  const auto first = text.find_first_not_of(" \t\r\n");
  const bool braces = first != std::string_view::npos && text[first] == '{';
  if (!braces) return reader.read_yaml_text(text);
  auto manifest = reader.read_json_text(text);
  // YAML may begin with a brace, too.
  if (!manifest && !name.ends_with(".json")) return Reader(name).read_yaml_text(text);
  return manifest;
}

}  // namespace weir::kube
