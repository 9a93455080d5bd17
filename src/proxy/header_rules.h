#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/forward_head.h"
#include "proxy/text_parts.h"
#include "table/table.h"

/// Fields that weir sets or takes away, whatever the sender says.
namespace weir::proxy {

/// table::HeaderField, made ready for messages. Immutable. Fields that frame or route a message are
/// passed over.
class FieldRules {
 public:
  FieldRules() = default;
  explicit FieldRules(const std::vector<table::HeaderField>& fields);

  bool empty() const { return fields_.empty(); }
  /// Adds a line for each but those in `names`, to which it adds its own: views into this.
  void add_lines(const RequestParts& request, std::string& lines,
                 std::vector<std::string_view>& names) const;
  /// Adds an edit for each; one that is there already stays, unless it takes the field away. Names
  /// are views into this.
  void add_edits(const RequestParts& request, std::vector<FieldEdit>& edits) const;
  /// Whether one of them is among those that weir itself tells endpoints: X-Real-IP and its like.
  bool has_forwarded() const;

 private:
  std::vector<table::HeaderField> fields_;
};

/// table::HeaderSettings, made ready. Requests share it with the table that they began with.
struct HeaderRules {
  explicit HeaderRules(const table::HeaderSettings& settings)
      : request(settings.request),
        response(settings.response),
        hidden(settings.hidden),
        replaces_forwarded(request.has_forwarded()) {}

  FieldRules request;
  FieldRules response;
  std::vector<std::string> hidden;  ///< of endpoints' responses
  bool replaces_forwarded;          ///< FieldRules::has_forwarded of `request`
};

}  // namespace weir::proxy
