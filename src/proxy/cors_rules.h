#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http_head.h"
#include "table/table.h"

namespace weir::proxy {

/// table::Cors, made ready for responses. Immutable.
class CorsRules {
 public:
  explicit CorsRules(const table::Cors& cors);

  /// Adds the lines for the answers to this request. False: its origin gets none.
  bool add_lines(const RequestHead& request, std::string& lines) const;
  /// Names of the fields that are in those lines, and so not in what an endpoint sends.
  std::span<const std::string_view> names() const { return names_; }

 private:
  bool allows(std::string_view origin) const;

  bool any_origin_;
  std::vector<std::string> origins_;
  std::string lines_;  // but for the one that may name the origin
  std::vector<std::string_view> names_;
};

}  // namespace weir::proxy
