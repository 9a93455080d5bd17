#include "controller/policy_status.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "util/log.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace log = util::log;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRequest{5'000};
constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kMaxRetry{30'000};

bool is_same(const kube::Condition& shown, const kube::Condition& wanted) {
  auto timeless = shown;
  timeless.last_transition.clear();
  return timeless == wanted;
}

bool is_same(const kube::PolicyAncestor& shown, const ingress::PolicyVerdict& wanted) {
  return shown.target == wanted.target && shown.controller == kControllerName &&
         std::ranges::equal(shown.conditions, wanted.conditions,
                            [](const auto& a, const auto& b) { return is_same(a, b); });
}

bool shows(const std::vector<kube::PolicyAncestor>& shown,
           const std::vector<ingress::PolicyVerdict>& wanted) {
  return std::ranges::equal(shown, wanted,
                            [](const auto& a, const auto& b) { return is_same(a, b); });
}

}  // namespace

PolicyStatus::PolicyStatus(asio::io_context& io, const LeaderElection::Connect& connect,
                           const ingress::Translator& translator, std::function<bool()> may_write)
    : io_(io),
      translator_(translator),
      may_write_(std::move(may_write)),
      backoff_(kFirstRetry, kMaxRetry),
      retry_timer_(io),
      worker_(std::make_unique<ApiWorker>(connect({kRequest, kRequest, kRequest}))) {}

PolicyStatus::~PolicyStatus() {
  stop();
}

void PolicyStatus::stop() {
  if (std::exchange(is_stopped_, true)) return;
  retry_timer_.cancel();
  worker_.reset();
}

void PolicyStatus::set_leading(bool is_leading) {
  if (is_stopped_) return;
  is_leading_ = is_leading;
  dirty_.clear();
  if (!is_leading_) return;
  for (const auto& [policy, verdicts] : translator_.policy_verdicts()) dirty_.insert(policy);
  pump();
}

void PolicyStatus::note(const kube::SourceEvents& events) {
  for (const auto& object : events.upserts) note(kube::ref_of(object));
}

void PolicyStatus::note(const kube::ObjectRef& ref) {
  if (is_leading_ && kube::is_custom(ref.kind)) dirty_.insert(ref);
}

void PolicyStatus::settle(const std::vector<kube::ObjectRef>& judged) {
  if (is_leading_) dirty_.insert(judged.begin(), judged.end());
  pump();
}

std::optional<PolicyStatus::Job> PolicyStatus::next() {
  while (!dirty_.empty()) {
    auto ref = dirty_.extract(dirty_.begin()).value();
    const auto* policy = translator_.objects().find_policy(ref);
    const auto found = translator_.policy_verdicts().find(ref);
    if (policy == nullptr || found == translator_.policy_verdicts().end()) continue;
    if (shows(policy->ancestors, found->second)) continue;
    return Job{std::move(ref), found->second, policy->ancestors};
  }
  return std::nullopt;
}

void PolicyStatus::pump() {
  if (is_stopped_ || is_writing_) return;
  auto job = next();
  if (!job) return;
  is_writing_ = true;
  worker_->post([this, job = *std::move(job)](kube::ApiClient& client) {
    std::optional<Applied> result;
    if (may_write_()) result = apply_policy_status(client, job.policy, job.verdicts, job.shown);
    asio::post(io_, [this, policy = job.policy, result] { applied(policy, result); });
  });
}

void PolicyStatus::applied(const kube::ObjectRef& policy, const std::optional<Applied>& result) {
  is_writing_ = false;
  if (is_stopped_ || !result) return;  // no longer leader, which is about to be told
  if (result->outcome == StatusOutcome::Written || result->outcome == StatusOutcome::Gone) {
    failure_.clear();
    backoff_.reset();
    pump();
    return;
  }
  const auto line = "cannot write the status of " + kube::to_string(policy) + ": " + result->detail;
  if (std::exchange(failure_, result->detail) == result->detail) {
    log::debug("{}", line);
  } else {
    log::warning("{}", line);
  }
  // What is refused stays so until the policy changes.
  if (result->outcome == StatusOutcome::Failed && is_leading_) dirty_.insert(policy);
  is_writing_ = true;
  retry_timer_.expires_after(std::max<milliseconds>(
      backoff_.next(), result->retry_after.value_or(std::chrono::seconds(0))));
  retry_timer_.async_wait([this](const boost::system::error_code& error) {
    is_writing_ = false;
    if (!error) pump();
  });
}

}  // namespace weir::controller
