#pragma once

#include <optional>
#include <string_view>

#include "proxy/client_address.h"
#include "proxy/counters.h"
#include "table/table.h"

namespace weir::proxy {

/// Who may come in on a route. Immutable.
class AccessRules {
 public:
  AccessRules() = default;
  explicit AccessRules(const table::Access& access);

  /// `client`: the address that the request comes from, as text. What is no address is on no list.
  std::optional<AnswerReason> refuse(std::string_view client) const;

 private:
  bool closed_ = false;
  bool listed_only_ = false;
  AddressSet allowed_;
  AddressSet denied_;
};

}  // namespace weir::proxy
