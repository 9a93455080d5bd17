#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/backend.h"
#include "proxy/http_head.h"
#include "table/table.h"
#include "util/regex.h"

namespace weir::proxy {

/// table::Canary, made ready to be asked. Immutable.
class CanaryRules {
 public:
  explicit CanaryRules(const table::Canary& policy);

  /// Backend::name.
  const std::string& backend() const { return policy_.backend; }
  /// Whether the canary gets the request rather than the route's own backend, `primary`, which is
  /// nullptr where there is none. In ingress-nginx's order: the cookie that ties a client to one of
  /// the two, the header, the cookie, the weight.
  bool takes(const RequestHead& request, const Backend* primary, const Backend& canary,
             util::RegexMatcher& matcher, std::uint64_t& random_state) const;

 private:
  /// nullopt: the header says nothing.
  std::optional<bool> by_header(const RequestHead& request, util::RegexMatcher& matcher) const;

  table::Canary policy_;
  std::optional<util::Regex> pattern_;  // of the header
};

}  // namespace weir::proxy
