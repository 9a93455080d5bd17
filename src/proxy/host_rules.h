#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/access_rules.h"
#include "proxy/canary_rules.h"
#include "proxy/client_limits.h"
#include "proxy/cors_rules.h"
#include "proxy/error_request.h"
#include "proxy/header_rules.h"
#include "table/table.h"
#include "util/regex.h"

namespace weir::proxy {

/// table::RouteRules, made ready to be asked.
struct RouteRules {
  bool is_guarded = false;  ///< somebody may not come in, at all or so often
  AccessRules access;
  std::optional<ClientLimits> limits;
  std::optional<CanaryRules> canary;
  std::optional<CorsRules> cors;
  FieldRules response_fields;
  ErrorContext errors;  ///< where somebody is told
  /// Something is in the table's rules about how endpoints are spoken to, or who else is.
  bool edits_requests = false;
  std::string via;  ///< the line of responses, or empty
};

struct FoundRoute {
  const table::Route* route = nullptr;  ///< none takes the path
  bool is_over_limit = false;           ///< or nobody knows (RegexMatcher)
};

/// The rules of a host's routes, and patterns. Made once a change, on the control thread, for
/// all workers; then immutable.
class HostRules {
 public:
  /// nullptr: neither the host nor one of its routes has any.
  static std::shared_ptr<const HostRules> make(const table::Host& host);

  /// `route` is one of `host`, from which these were made.
  const RouteRules& of(const table::Host& host, const table::Route& route) const {
    return routes_[static_cast<std::size_t>(&route - host.routes.data())];
  }

  /// Whether the subject of a client's certificate is one that the host takes; of a host with a
  /// pattern for it. One that cannot be told is none.
  bool takes_subject(std::string_view subject, util::RegexMatcher& matcher) const;

  /// Whether routes are found by patterns.
  bool has_patterns() const { return !patterns_.empty(); }
  /// The first of the host's routes whose pattern matches; `matcher` then has its groups.
  FoundRoute find_route(const table::Host& host, std::string_view path,
                        util::RegexMatcher& matcher) const;

 private:
  // Both as the host's routes, or empty.
  std::vector<RouteRules> routes_;
  std::vector<std::optional<util::Regex>> patterns_;  // nullopt: matches nothing
  std::optional<util::Regex> subject_;                // likewise
};

}  // namespace weir::proxy
