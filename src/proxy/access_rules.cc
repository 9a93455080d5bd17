#include "proxy/access_rules.h"

#include "util/ip_address.h"

namespace weir::proxy {

AccessRules::AccessRules(const table::Access& access)
    : closed_(access.closed),
      listed_only_(!access.allowed.empty()),
      allowed_(access.allowed),
      denied_(access.denied) {}

std::optional<AnswerReason> AccessRules::refuse(std::string_view client) const {
  if (closed_) return AnswerReason::AccessUnsettled;
  if (!listed_only_ && denied_.empty()) return std::nullopt;
  const auto address = util::IpAddress::parse(client);
  if (address && denied_.contains(*address)) return AnswerReason::AddressDenied;
  if (listed_only_ && !(address && allowed_.contains(*address))) return AnswerReason::AddressDenied;
  return std::nullopt;
}

}  // namespace weir::proxy
