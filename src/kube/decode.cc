#include "kube/decode.h"

#include <charconv>
#include <cstdio>

#include "kube/json_node.h"
#include "kube/names.h"

namespace weir::kube {

namespace {

using nlohmann::json;

constexpr int kMaxNesting = 100;  // the deepest real object is managedFields, below 30

bool is_read_annotation(std::string_view key) {
  return key.substr(0, 28) == "nginx.ingress.kubernetes.io/" || key.substr(0, 9) == "weir.dev/" ||
         key == "kubernetes.io/ingress.class" ||
         key == "ingressclass.kubernetes.io/is-default-class";
}

/// Decides, while the text is parsed, what becomes a value. `base` is how many containers enclose
/// the object: 0 for the object itself, 1 for the "object" of a watch event.
class Filter {
 public:
  Filter(int base, bool is_secret) : base_(base), is_secret_(is_secret) {}

  bool keep(int depth, json::parse_event_t event, const json& parsed) {
    if (depth > kMaxNesting) too_deep_ = true;
    if (event != json::parse_event_t::key) return !too_deep_;
    const auto level = depth - base_;
    const auto& key = parsed.get_ref<const std::string&>();
    if (level == 1) {
      in_metadata_ = key == "metadata";
      in_secret_data_ = is_secret_ && (key == "data" || key == "stringData");
      in_annotations_ = false;
    } else if (level == 2) {
      if (in_secret_data_) return is_read_secret_key(key);
      if (!in_metadata_) return true;
      in_annotations_ = key == "annotations";
      return key != "managedFields";
    } else if (level == 3 && in_annotations_) {
      return is_read_annotation(key);
    }
    return true;
  }

  bool too_deep() const { return too_deep_; }

 private:
  int base_;
  bool is_secret_;
  bool in_metadata_ = false;
  bool in_annotations_ = false;
  bool in_secret_data_ = false;
  bool too_deep_ = false;
};

/// The parser's own text would quote the input, which may be a Secret.
util::Error syntax_error(std::string_view text, const json::exception& error) {
  const auto* at = dynamic_cast<const json::parse_error*>(&error);
  if (at == nullptr) return util::malformed("not JSON that can be read");
  const auto end = std::min(text.size(), at->byte);
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  std::string reason = "not valid JSON";
  if (std::string_view(at->what()).find("UTF-8") != std::string_view::npos) reason = "not UTF-8";
  return util::malformed(reason + " in line " + std::to_string(line + 1));
}

/// Wrapped, because a json can be made from anything, also from an Error.
struct Document {
  json value;
};

util::Result<Document> parse(std::string_view text, int base, bool is_secret) {
  Filter filter(base, is_secret);
  try {
    Document document{
        json::parse(text.begin(), text.end(), [&](int depth, auto event, const json& parsed) {
          return filter.keep(depth, event, parsed);
        })};
    if (filter.too_deep()) return util::malformed("nested too deeply");
    if (!document.value.is_object()) return util::malformed("not a JSON object");
    return document;
  } catch (const json::exception& error) {
    return syntax_error(text, error);
  }
}

/// RFC 3339 in seconds since 1970; fractions are cut off.
std::optional<std::int64_t> parse_time(const std::string& text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &year, &month, &day, &hour, &minute,
                  &second, &used) != 6 ||
      used != 19) {
    return std::nullopt;
  }
  auto rest = std::string_view(text).substr(19);
  if (rest.substr(0, 1) == ".") {
    const auto end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(end);
  }
  int offset = 0;
  if (rest != "Z") {
    int hours = 0, minutes = 0;
    char sign = 0;
    if (rest.size() != 6 ||
        std::sscanf(std::string(rest).c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3 ||
        (sign != '+' && sign != '-')) {
      return std::nullopt;
    }
    offset = (hours * 60 + minutes) * (sign == '+' ? 60 : -60);
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  return std::int64_t{days} * 86400 + hour * 3600 + minute * 60 + second - offset;
}

ObjectMeta decode_meta(const Node& node, const ObjectRef& ref) {
  ObjectMeta meta;
  meta.ns = ref.ns;
  meta.name = ref.name;
  meta.uid = node["uid"].text();
  meta.resource_version = node["resourceVersion"].text();
  const auto created = node["creationTimestamp"];
  if (const auto text = created.text(); !text.empty()) {
    const auto time = parse_time(text);
    if (!time) created.refuse("must be a time like 2026-11-21T10:00:00Z");
    meta.creation_timestamp = time.value_or(0);
  }
  node["annotations"].each_entry([&](std::string_view key, const Node& value) {
    if (is_read_annotation(key)) meta.annotations.emplace(key, value.text());
  });
  return meta;
}

/// Identity first, so that every problem can name its object.
void decode_ref(const Node& metadata, Report& report) {
  const bool namespaced = report.object.kind != Kind::IngressClass;
  auto name = metadata["name"].text();
  auto ns = namespaced ? metadata["namespace"].text() : std::string();
  if (namespaced && ns.empty()) ns = "default";
  report.object.name = std::move(name);
  report.object.ns = std::move(ns);
  for (auto& problem : report.problems) problem.object = report.object;

  if (report.object.name.empty()) {
    if (report.problems.empty()) metadata["name"].refuse("is required");
  } else if (report.from_folder && !is_dns_subdomain(report.object.name)) {
    metadata["name"].refuse("must be lower-case letters, digits, '-' and '.'");
  }
  if (report.from_folder && namespaced && !is_dns_label(report.object.ns)) {
    metadata["namespace"].refuse("must be lower-case letters, digits and '-', at most 63");
  }
}

Object decode_kind(Kind kind, const Node& root) {
  switch (kind) {
    case Kind::Ingress:
      return decode_ingress(root);
    case Kind::IngressClass:
      return decode_ingress_class(root);
    case Kind::Service:
      return decode_service(root);
    case Kind::EndpointSlice:
      return decode_endpoint_slice(root);
    case Kind::Secret:
      return decode_secret(root);
    case Kind::ConfigMap:
      return decode_config_map(root);
    case Kind::TunnelPolicy:
    case Kind::BackendPolicy:
    case Kind::WeirConfig:
      return decode_policy(kind, root);
    case Kind::Manifest:
      break;
  }
  return {};
}

Decoded decode_value(Kind kind, const json& value, bool from_folder) {
  Report report;
  report.from_folder = from_folder;
  report.object.kind = kind;
  const Node root(value, report);
  decode_ref(root["metadata"], report);
  auto meta = decode_meta(root["metadata"], report.object);
  auto object = decode_kind(kind, root);

  Decoded decoded;
  decoded.ref = report.object;
  decoded.resource_version = meta.resource_version;
  decoded.problems = std::move(report.problems);
  if (decoded.problems.empty()) {
    std::visit([&](auto& o) { o.meta = std::move(meta); }, object);
    decoded.object = std::move(object);
  }
  return decoded;
}

Decoded refused(Kind kind, std::string message) {
  Decoded decoded;
  decoded.ref.kind = kind;
  decoded.problems.push_back({"InvalidObject", decoded.ref, "", "is " + std::move(message)});
  return decoded;
}

/// Text of a member, "" for anything else. For the few fields read outside of an object.
std::string member(const json& value, const char* key) {
  if (!value.is_object()) return {};
  const auto found = value.find(key);
  return found != value.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& child(const json& value, const char* key) {
  static const json missing;
  if (!value.is_object()) return missing;
  const auto found = value.find(key);
  return found != value.end() ? *found : missing;
}

struct KindName {
  std::string_view api_version;
  Kind kind;
};
constexpr KindName kKindNames[] = {{"networking.k8s.io/v1", Kind::Ingress},
                                   {"networking.k8s.io/v1", Kind::IngressClass},
                                   {"discovery.k8s.io/v1", Kind::EndpointSlice},
                                   {"v1", Kind::Service},
                                   {"v1", Kind::Secret},
                                   {"v1", Kind::ConfigMap},
                                   {"weir.dev/v1alpha1", Kind::TunnelPolicy},
                                   {"weir.dev/v1alpha1", Kind::BackendPolicy},
                                   {"weir.dev/v1alpha1", Kind::WeirConfig}};

std::optional<Kind> kind_named(std::string_view api_version, std::string_view kind) {
  for (const auto& name : kKindNames) {
    if (name.api_version == api_version && to_string(name.kind) == kind) return name.kind;
  }
  return std::nullopt;
}

/// A kind of ours, in a version that API servers no longer have, or in none.
std::optional<Kind> outdated_kind(std::string_view api_version, std::string_view kind) {
  if (!api_version.empty() && api_version != "extensions/v1beta1" &&
      api_version != "networking.k8s.io/v1beta1" && api_version != "discovery.k8s.io/v1beta1") {
    return std::nullopt;
  }
  for (const auto& name : kKindNames) {
    if (to_string(name.kind) == kind) return name.kind;
  }
  return std::nullopt;
}

Decoded refuse_version(Kind kind, const json& value) {
  Report report;
  report.from_folder = true;
  report.object.kind = kind;
  const Node root(value, report);
  decode_ref(root["metadata"], report);
  for (const auto& name : kKindNames) {
    if (name.kind != kind) continue;
    root["apiVersion"].refuse("must be " + std::string(name.api_version) + " for this kind");
  }
  Decoded decoded;
  decoded.ref = report.object;
  decoded.problems = std::move(report.problems);
  return decoded;
}

std::string printable(std::string text) {
  constexpr std::size_t kMaxMessage = 300;
  if (text.size() > kMaxMessage) text.resize(kMaxMessage);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

}  // namespace

Decoded decode_object(Kind kind, std::string_view text) {
  const auto document = parse(text, 0, kind == Kind::Secret);
  if (!document) return refused(kind, document.error().detail);
  return decode_value(kind, document->value, false);
}

util::Result<std::optional<Decoded>> decode_manifest(std::string_view text,
                                                     std::optional<Kind> fallback) {
  const auto document = parse(text, 0, false);
  if (!document) return document.error();
  const auto api_version = member(document->value, "apiVersion");
  const auto kind_name = member(document->value, "kind");
  auto kind = kind_named(api_version, kind_name);
  if (api_version.empty() && kind_name.empty()) kind = fallback;
  if (!kind) {
    const auto outdated = outdated_kind(api_version, kind_name);
    if (!outdated) return std::optional<Decoded>();
    return std::optional(refuse_version(*outdated, document->value));
  }
  return std::optional(decode_value(*kind, document->value, true));
}

util::Result<ListHead> decode_list_head(std::string_view text) {
  const auto document = parse(text, 0, false);
  if (!document) return document.error();
  const auto& metadata = child(document->value, "metadata");
  return ListHead{member(document->value, "apiVersion"), member(document->value, "kind"),
                  member(metadata, "resourceVersion"), member(metadata, "continue")};
}

std::optional<Kind> list_item_kind(std::string_view api_version, std::string_view list_kind) {
  constexpr std::string_view kSuffix = "List";
  if (list_kind.size() <= kSuffix.size() || !list_kind.ends_with(kSuffix)) return std::nullopt;
  return kind_named(api_version, list_kind.substr(0, list_kind.size() - kSuffix.size()));
}

util::Result<WatchEvent> decode_watch_event(Kind kind, std::string_view line) {
  const auto document = parse(line, 1, kind == Kind::Secret);
  if (!document) return document.error();
  const auto type = member(document->value, "type");
  const auto& object = child(document->value, "object");
  if (type.empty() || !object.is_object()) return util::malformed("not a watch event");
  if (type == "ADDED" || type == "MODIFIED" || type == "DELETED") {
    return WatchEvent(WatchChange{type == "DELETED", decode_value(kind, object, false)});
  }
  if (type == "BOOKMARK") {
    return WatchEvent(WatchBookmark{member(child(object, "metadata"), "resourceVersion")});
  }
  if (type == "ERROR") {
    const auto& code = child(object, "code");
    const bool known = code.is_number_integer() && code >= 100 && code <= 599;
    return WatchEvent(
        WatchFailure{known ? code.get<int>() : 0, printable(member(object, "message"))});
  }
  return WatchEvent(WatchUnknown{});
}

std::string decode_status_message(std::string_view text) {
  const auto document = parse(text, 0, false);
  return document ? printable(member(document->value, "message")) : std::string();
}

}  // namespace weir::kube
