#include "controller/status_book.h"

#include <fmt/format.h>

namespace weir::controller {

using ingress::NamespacedName;

void StatusBook::touch(const NamespacedName& name) {
  const auto known = look_(name);
  if (known.is_served) {
    served_.insert(name);
    left_.erase(name);
  } else if (served_.erase(name) > 0) {
    left_.insert(name);
  }
  if (left_.contains(name) && (!known.ingress || sorted(known.ingress->addresses) != addresses_)) {
    left_.erase(name);
  }
  if (!known.is_served && !left_.contains(name)) {
    settle(name);
    dirty_.erase(name);
  } else if (is_leading_) {
    dirty_.insert(name);
  }
}

void StatusBook::set_addresses(Addresses addresses) {
  if (addresses_ == addresses) return;
  addresses_ = std::move(addresses);
  touch_all();
}

void StatusBook::set_leading(bool is_leading) {
  is_leading_ = is_leading;
  dirty_.clear();
  for (const auto& [name, job] : tried_) tell(name, {});
  tried_.clear();
  touch_all();
}

void StatusBook::touch_all() {
  if (!is_leading_) return;
  dirty_.insert(served_.begin(), served_.end());
  dirty_.insert(left_.begin(), left_.end());
}

std::optional<Addresses> StatusBook::wanted(const NamespacedName& name, const Known& known) const {
  if (!known.ingress) return std::nullopt;
  const auto shown = sorted(known.ingress->addresses);
  if (known.is_served) return shown == addresses_ ? std::nullopt : addresses_;
  if (left_.contains(name) && shown == addresses_) return Addresses();
  return std::nullopt;
}

std::optional<StatusJob> StatusBook::next() {
  if (!is_leading_ || !addresses_) return std::nullopt;
  while (!dirty_.empty()) {
    const auto name = dirty_.extract(dirty_.begin()).value();
    const auto known = look_(name);
    auto addresses = wanted(name, known);
    if (!addresses) {
      left_.erase(name);
      settle(name);
      continue;
    }
    StatusJob job{name, known.ingress->meta.resource_version, *std::move(addresses)};
    const auto tried = tried_.find(name);
    if (tried == tried_.end() || tried->second != job) return job;
  }
  return std::nullopt;
}

void StatusBook::done(const StatusJob& job, StatusOutcome outcome, const std::string& writer) {
  if (outcome == StatusOutcome::Failed) {
    if (is_leading_) dirty_.insert(job.name);
    return;
  }
  left_.erase(job.name);
  if (outcome == StatusOutcome::Gone) return;
  const auto known = look_(job.name);
  if (!known.is_served) {
    settle(job.name);
    return;
  }
  tried_.insert_or_assign(job.name, job);
  if (outcome != StatusOutcome::Conflict) {
    tell(job.name, {});
  } else {
    tell(job.name,
         {{"StatusConflict",
           {kube::Kind::Ingress, job.name.ns, job.name.name},
           "status.loadBalancer.ingress",
           fmt::format("{} has written other addresses; weir leaves them as they are", writer)}});
  }
  // It may have changed while the write was under way.
  if (is_leading_) dirty_.insert(job.name);
}

std::vector<NamespacedName> StatusBook::shown() const {
  std::vector<NamespacedName> names;
  if (!addresses_ || addresses_->empty()) return names;
  for (const auto& name : served_) {
    const auto known = look_(name);
    const auto tried = tried_.find(name);
    // Not all that was written has been heard of yet.
    if ((tried != tried_.end() && tried->second.addresses == addresses_) ||
        (known.ingress && sorted(known.ingress->addresses) == addresses_)) {
      names.push_back(name);
    }
  }
  return names;
}

void StatusBook::settle(const NamespacedName& name) {
  tried_.erase(name);
  tell(name, {});
}

void StatusBook::tell(const NamespacedName& name, std::vector<kube::Problem> problems) {
  problems_.tell({ingress::ProblemBook::Kind::Ingress, to_string(name)}, std::move(problems));
}

}  // namespace weir::controller
