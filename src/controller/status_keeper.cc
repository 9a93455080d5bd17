#include "controller/status_keeper.h"

#include <future>

#include <boost/asio/post.hpp>

#include "util/log.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace log = util::log;
using ingress::NamespacedName;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kMinRequest{1'000};
constexpr milliseconds kMaxRequest{5'000};
constexpr milliseconds kFirstRetry{1'000};
constexpr milliseconds kMaxRetry{30'000};
constexpr milliseconds kWaitForReady{5'000};
constexpr std::chrono::seconds kClearing{8};
constexpr std::chrono::seconds kEnding{10};

/// A write that is under way when the leader gives up, at the half of the Lease's time, has ended
/// before another one may begin.
milliseconds request_time(const StatusOptions& options) {
  if (!options.election) return kMaxRequest;
  return std::clamp(options.election->ttl / 6, kMinRequest, kMaxRequest);
}

const char* label_of(StatusOutcome outcome) {
  switch (outcome) {
    case StatusOutcome::Written:
      return "ok";
    case StatusOutcome::Conflict:
      return "conflict";
    case StatusOutcome::Gone:
      return "gone";
    case StatusOutcome::Refused:
    case StatusOutcome::Failed:
      break;
  }
  return "failed";
}

}  // namespace

StatusKeeper::StatusKeeper(asio::io_context& io, LeaderElection::Connect connect,
                           StatusOptions options, const ingress::Options& translation,
                           const ingress::Translator& translator, Metrics& metrics, Report appeared,
                           Report disappeared)
    : io_(io),
      connect_(std::move(connect)),
      options_(std::move(options)),
      source_(!options_.fixed.empty() ? AddressSource::Fixed
              : options_.service && (translation.watch_namespace.empty() ||
                                     translation.watch_namespace == options_.service->ns)
                  ? AddressSource::WatchedService
                  : AddressSource::Asked),
      translator_(translator),
      metrics_(metrics),
      appeared_(std::move(appeared)),
      disappeared_(std::move(disappeared)),
      book_([this](const NamespacedName& name) {
        return StatusBook::Known{translator_.objects().find_ingress(name),
                                 translator_.serves(name)};
      }),
      backoff_(kFirstRetry, kMaxRetry),
      retry_timer_(io),
      ask_timer_(io) {
  metrics_.set_election(options_.election ? options_.election->name : "none");
  if (source_ == AddressSource::Fixed) book_.set_addresses(options_.fixed);
}

StatusKeeper::~StatusKeeper() {
  stop();
}

void StatusKeeper::note(const kube::SourceEvents& events) {
  for (const auto& object : events.upserts) note(kube::ref_of(object));
  for (const auto& ref : events.removes) note(ref);
}

void StatusKeeper::note(const kube::ObjectRef& ref) {
  if (ref.kind == kube::Kind::Ingress) {
    touched_.insert({ref.ns, ref.name});
  } else if (ref.kind == kube::Kind::IngressClass) {
    classes_touched_ = true;
  } else if (ref.kind == kube::Kind::Service &&
             options_.service == NamespacedName{ref.ns, ref.name}) {
    service_touched_ = true;
  }
}

void StatusKeeper::settle() {
  if (is_stopped_) return;
  if (source_ == AddressSource::WatchedService && std::exchange(service_touched_, false)) {
    look_at_service();
  }
  for (const auto& name : touched_) book_.touch(name);
  touched_.clear();
  if (std::exchange(classes_touched_, false)) {
    for (const auto& [name, ingress] : translator_.objects().ingresses()) book_.touch(name);
  }
  if (!std::exchange(is_started_, true)) start();
  pump();
}

void StatusKeeper::start() {
  const auto time = request_time(options_);
  worker_ = std::make_unique<ApiWorker>(connect_({time, time, time}));
  if (!options_.election) {
    metrics_.set_leader(true);
    set_leading(true);
    return;
  }
  election_ = std::make_unique<LeaderElection>(
      connect_, *options_.election, metrics_, [this](bool is_leading) {
        // The election's thread. It ends before this object goes.
        asio::post(io_, [this, is_leading] { set_leading(is_leading); });
      });
}

void StatusKeeper::set_leading(bool is_leading) {
  if (is_stopped_) return;
  is_leading_ = is_leading;
  book_.set_leading(is_leading);
  told_of_leading_(is_leading);
  if (source_ == AddressSource::Asked) ask();
  pump();
  report_problems();
}

void StatusKeeper::look_at_service() {
  const auto* service = translator_.objects().find_service(*options_.service);
  set_service_is_missing(service == nullptr);
  if (service) book_.set_addresses(addresses_of(*service));
}

void StatusKeeper::set_service_is_missing(bool is_missing) {
  if (std::exchange(service_is_missing_, is_missing) == is_missing) return;
  const auto& name = *options_.service;
  const kube::Problem problem{"ServiceNotFound",
                              {kube::Kind::Service, name.ns, name.name},
                              {},
                              "--publish-service names it; the status of Ingresses stays as it is"};
  (is_missing ? appeared_ : disappeared_)(problem);
}

void StatusKeeper::ask() {
  ask_timer_.cancel();
  if (is_stopped_ || !is_leading_) return;
  worker_->post([this](kube::ApiClient& client) {
    auto addresses = options_.service ? read_service_addresses(client, *options_.service)
                                      : read_node_addresses(client, options_.pod,
                                                            options_.internal_node_addresses);
    asio::post(io_, [this, addresses = std::move(addresses)] { answered(addresses); });
  });
}

void StatusKeeper::answered(const util::Result<Addresses>& addresses) {
  if (is_stopped_ || !is_leading_) return;
  auto next = options_.interval;
  if (addresses && addresses->empty() && !options_.service) {
    // No Pod is ready, this one neither: a start, and no reason to take anything out.
    next = std::min(next, kWaitForReady);
  } else if (addresses) {
    book_.set_addresses(*addresses);
    if (options_.service) set_service_is_missing(false);
  } else if (options_.service && addresses.error().code == util::Error::Code::Malformed) {
    set_service_is_missing(true);
  } else {
    log::warning("addresses for the status of Ingresses: {}", addresses.error().detail);
    next = std::min(next, kMaxRetry);
  }
  ask_timer_.expires_after(next);
  ask_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) ask();
  });
  pump();
}

void StatusKeeper::pump() {
  if (is_stopped_ || is_writing_) return;
  const auto job = book_.next();
  report_problems();
  if (!job) return;
  is_writing_ = true;
  worker_->post([this, job = *job](kube::ApiClient& client) {
    std::optional<Applied> result;
    if (may_write()) result = apply_status(client, job);
    asio::post(io_, [this, job, result] { applied(job, result); });
  });
}

void StatusKeeper::applied(const StatusJob& job, const std::optional<Applied>& result) {
  is_writing_ = false;
  if (is_stopped_) return;
  if (!result) {  // no longer leader, which is about to be told
    book_.done(job, StatusOutcome::Failed);
    return;
  }
  book_.done(job, result->outcome, result->writer);
  metrics_.status_written(label_of(result->outcome));
  const auto line =
      fmt::format("cannot write the status of Ingress {}: {}", to_string(job.name), result->detail);
  if (result->outcome == StatusOutcome::Refused) log::warning("{}", line);
  if (result->outcome != StatusOutcome::Failed) {
    failure_.clear();
    backoff_.reset();
    pump();
    return;
  }
  if (std::exchange(failure_, result->detail) == result->detail) {
    log::debug("{}", line);
  } else {
    log::warning("{}; trying again", line);
  }
  is_writing_ = true;  // nobody else is better off now
  retry_timer_.expires_after(std::max<milliseconds>(
      backoff_.next(), result->retry_after.value_or(std::chrono::seconds(0))));
  retry_timer_.async_wait([this](const boost::system::error_code& error) {
    is_writing_ = false;
    if (!error) pump();
  });
}

void StatusKeeper::report_problems() {
  const auto changes = book_.take_problems();
  for (const auto& problem : changes.disappeared) disappeared_(problem);
  for (const auto& problem : changes.appeared) appeared_(problem);
}

void StatusKeeper::stop() {
  if (std::exchange(is_stopped_, true)) return;
  retry_timer_.cancel();
  ask_timer_.cancel();
  if (!is_started_) return;
  // Behind the write under way. The election goes on meanwhile.
  std::promise<void> ended;
  auto end = ended.get_future();
  const bool is_to_clear = options_.clear_at_end && is_leading_;
  worker_->post([this, &ended, names = is_to_clear ? book_.shown() : decltype(book_.shown())()](
                    kube::ApiClient& client) {
    if (!names.empty()) clear(client, names);
    ended.set_value();
  });
  if (end.wait_for(kEnding) != std::future_status::ready) {
    log::warning("the API server does not answer; not all statuses may be as they should");
  }
  worker_.reset();  // which ends a task that is still under way, and drops one that is not
  election_.reset();
  metrics_.set_leader(false);
}

void StatusKeeper::clear(kube::ApiClient& client, const std::vector<NamespacedName>& names) const {
  if (options_.pod.name.empty()) {
    log::info("POD_NAME is not set, and so other Pods are not known: the status stays");
    return;
  }
  const auto is_other_there = is_other_pod_there(client, options_.pod);
  if (!is_other_there) {
    log::warning("the status stays: {}", is_other_there.error().detail);
    return;
  }
  if (*is_other_there) {
    log::info("another Pod of this controller is there: the status stays");
    return;
  }
  const auto deadline = std::chrono::steady_clock::now() + kClearing;
  std::size_t cleared = 0;
  for (const auto& name : names) {
    if (!may_write() || std::chrono::steady_clock::now() > deadline) break;
    const auto result = apply_status(client, {name, "", {}});
    metrics_.status_written(label_of(result.outcome));
    if (result.outcome == StatusOutcome::Written) ++cleared;
  }
  log::info("cleared the status of {} of {} Ingresses", cleared, names.size());
}

}  // namespace weir::controller
