#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

/// The registry of annotations: one table that drives the reading of Ingresses and of the
/// ConfigMap, the reference page (docs/annotations.md) and the problems about annotations. An
/// annotation ever becomes a typed value of `Policies` (policies.h) and nothing else.
///
/// The entries are in annotations/*.cc, by theme; docs/contributing.md shows how to add one.
namespace weir::ingress {

struct Policies;

// What a value may be. `set` takes a value that fits; nullptr while the annotation is not in
// effect. The order in which annotations are set must not matter.

/// Yes or no.
struct Flag {
  enum class Words : std::uint8_t {
    TrueFalse,  ///< as Go reads them: 1 t T TRUE true True 0 f F FALSE false False
    OnOff,
  };
  Words words = Words::TrueFalse;
  void (*set)(Policies&, bool) = nullptr;
};

struct Number {
  std::uint64_t least = 0;
  std::uint64_t most = 0;
  void (*set)(Policies&, std::uint64_t) = nullptr;
  std::string_view unit = {};                   ///< of the number, in the plural; empty: none
  bool (*fits)(std::uint64_t value) = nullptr;  ///< between the bounds; nullptr: all
  std::string_view but = {};                    ///< what that leaves out: "but for 5"
};

/// "30s", "1h30m", "500ms"; a plain number is seconds.
struct Duration {
  std::uint32_t least_ms = 0;
  std::uint32_t most_ms = 0;
  void (*set)(Policies&, std::uint32_t ms) = nullptr;
};

/// Bytes: "64k", "16m", "1g", a plain number.
struct Size {
  std::uint64_t most = 0;
  void (*set)(Policies&, std::uint64_t bytes) = nullptr;
};

struct List {
  char separator = ',';                           ///< a blank: any white space
  std::string_view item;                          ///< what each one is: "an address or network"
  std::size_t most = 100;                         ///< items
  bool (*fits)(std::string_view item) = nullptr;  ///< nullptr: all
  void (*set)(Policies&, std::vector<std::string>) = nullptr;
  bool any_case = false;         ///< items are taken in lower case
  bool must_have_items = false;  ///< an empty annotation is wrong; else it is as good as none
};

struct Choice {
  std::vector<std::string_view> words;
  void (*set)(Policies&, std::size_t index_of_word) = nullptr;
  std::vector<std::string_view> later = {};  ///< ingress-nginx knows them; not in effect yet
  bool any_case = false;                     ///< words are in upper case
};

struct Text {
  std::string_view what;                          ///< "a path that starts with /"
  std::size_t most = 1024;                        ///< bytes
  bool (*fits)(std::string_view text) = nullptr;  ///< nullptr: all without control characters
  void (*set)(Policies&, const std::string&) = nullptr;
};

using ValueType = std::variant<Flag, Number, Duration, Size, List, Choice, Text>;

/// What has the property. Ingresses that share a host or a backend and disagree are settled by age:
/// the oldest one that says something counts.
enum class Scope : std::uint8_t {
  Path,     ///< the paths of this Ingress
  Host,     ///< the hosts of this Ingress, whoever else has paths there
  Backend,  ///< the Service ports that this Ingress names
  Ingress,  ///< this Ingress as a whole
};

/// What somebody who may write an Ingress, and nothing else, can do with it (ingress-nginx's
/// levels).
enum class Risk : std::uint8_t {
  Low,
  Medium,
  High,
  Critical,  ///< take the controller over: the snippets
};

enum class Effect : std::uint8_t {
  InEffect,
  Partly,    ///< `note` says what is missing
  NotYet,    ///< known of ingress-nginx; `note`, if any, says what that means
  Accepted,  ///< without effect, and nothing is lost: `note` says why
  Refused,   ///< never: `note` says what to use instead
};

struct Annotation {
  std::string_view name;  ///< with its prefix
  ValueType type;
  std::string_view usual = {};  ///< the default, as it would be written; empty: none
  Scope scope = Scope::Path;
  std::string_view text;  ///< what it does, for people: sentences, no trailing period
  Effect effect = Effect::NotYet;
  std::string_view note = {};
  Risk risk = Risk::Low;
  std::string_view twin = {};  ///< the ConfigMap's key for the default of all Ingresses
  std::vector<std::string_view> aliases = {};  ///< with prefix; they count only without `name`
  std::string_view if_wrong = {};  ///< counts instead of a wrong value; empty: the default does
  /// Of what protects: a value that is wrong, or without effect as yet, does this, and so nobody
  /// gets in who should not. nullptr: it protects nothing.
  void (*close)(Policies&) = nullptr;
  std::string_view needs = {};  ///< an annotation without which this one is nothing
  std::string_view since = {};  ///< the version of weir; empty: not in effect
};

struct AnnotationTheme {
  std::string_view title;
  std::string_view text;  ///< before the table of the reference page: whole sentences, or empty
  std::vector<Annotation> annotations;  ///< sorted by name
};

inline constexpr std::string_view kAnnotationPrefixes[] = {"nginx.ingress.kubernetes.io/",
                                                           "weir.dev/"};

/// All there are. Built once, then immutable; from any thread.
const std::vector<AnnotationTheme>& annotation_themes();

/// By name or alias; nullptr: there is none.
const Annotation* find_annotation(std::string_view name);

/// By the ConfigMap's key; nullptr: none in effect has it.
const Annotation* find_twin(std::string_view key);

/// The annotation whose name is nearest to one that nobody knows: a letter or two apart, or under
/// the other prefix. nullptr: none is near.
const Annotation* nearest_annotation(std::string_view name);

/// Of either prefix.
bool is_ours(std::string_view name);

}  // namespace weir::ingress
