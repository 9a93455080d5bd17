#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "controller/status_addresses.h"
#include "ingress/names.h"
#include "ingress/problem_book.h"

namespace weir::controller {

/// One write: what weir's part of status.loadBalancer.ingress is to be. Empty: none.
struct StatusJob {
  ingress::NamespacedName name;
  std::string version;  ///< of the Ingress for which this was decided
  Addresses addresses;

  bool operator==(const StatusJob&) const = default;
};

enum class StatusOutcome {
  Written,
  Conflict,  ///< another writer has it
  Gone,      ///< there is no such Ingress
  Refused,   ///< asking again will not help
  Failed,    ///< to be tried again
};

/// Knows which Ingress's status is to be written, and with what. No I/O, no clock, for one thread.
///
/// A write is due where the status is not what it should be, and once for each version of the
/// Ingress and each value: what had no effect, because another writer owns the field or the server
/// refused it, is tried again when either is another. An Ingress that leaves our class gets our
/// part taken out, once, if it still shows our addresses.
class StatusBook {
 public:
  struct Known {
    const kube::Ingress* ingress = nullptr;  ///< nullptr: there is none
    bool is_served = false;
  };
  /// Asked for what is so now.
  using Look = std::function<Known(const ingress::NamespacedName&)>;

  explicit StatusBook(Look look) : look_(std::move(look)) {}

  /// It is new, or something about it has changed.
  void touch(const ingress::NamespacedName& name);
  /// What all served Ingresses are to show. Not called yet: nothing is written.
  void set_addresses(Addresses addresses);
  /// As leader, or nothing is written.
  void set_leading(bool is_leading);

  /// What to write next; nothing: all is well. One write is under way at a time: `done` comes
  /// first.
  std::optional<StatusJob> next();
  /// `writer`: who has it, after a Conflict.
  void done(const StatusJob& job, StatusOutcome outcome, const std::string& writer = "");

  /// The conflicts that came and went since the last call.
  ingress::ProblemBook::Changes take_problems() { return problems_.take_changes(); }
  /// Served Ingresses that show our addresses, or may soon: what is to be taken out at the last
  /// end.
  std::vector<ingress::NamespacedName> shown() const;

 private:
  using NameSet = std::unordered_set<ingress::NamespacedName, ingress::NamespacedNameHash>;

  void touch_all();
  /// What it is to show; nothing: as it is.
  std::optional<Addresses> wanted(const ingress::NamespacedName& name, const Known& known) const;
  void settle(const ingress::NamespacedName& name);
  void tell(const ingress::NamespacedName& name, std::vector<kube::Problem> problems);

  const Look look_;
  std::optional<Addresses> addresses_;
  bool is_leading_ = false;
  NameSet served_;
  NameSet left_;   // our class, with our addresses perhaps
  NameSet dirty_;  // to be looked at, while leading
  std::unordered_map<ingress::NamespacedName, StatusJob, ingress::NamespacedNameHash> tried_;
  ingress::ProblemBook problems_;
};

}  // namespace weir::controller
