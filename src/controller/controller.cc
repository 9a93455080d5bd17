#include "controller/controller.h"

#include <chrono>
#include <map>
#include <set>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "controller/event_writer.h"
#include "controller/metrics.h"
#include "controller/object_metrics.h"
#include "controller/origin.h"
#include "controller/policy_status.h"
#include "controller/published_table.h"
#include "controller/push_server.h"
#include "controller/status_keeper.h"
#include "ingress/translator.h"
#include "util/admin_server.h"
#include "util/log.h"

namespace weir::controller {

namespace asio = boost::asio;
namespace log = util::log;

namespace {

/// Microseconds since 1970: ahead of every generation that a former run reached, for it would have
/// had to publish a million changes a second.
std::uint64_t first_generation() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string to_line(const kube::Problem& problem) {
  return fmt::format("{} {}{}{}: {}", problem.code, kube::to_string(problem.object),
                     problem.field.empty() ? "" : " ", problem.field, problem.message);
}

/// Without a Pod, the Lease is in the namespace of the credentials.
StatusOptions in_namespace(StatusOptions status, const kube::Credentials& credentials) {
  if (!status.pod.ns.empty()) return status;
  status.pod.ns = credentials.own_namespace().empty() ? "default" : credentials.own_namespace();
  if (status.election) status.election->ns = status.pod.ns;
  return status;
}

}  // namespace

class Controller::Impl {
 public:
  Impl(asio::io_context& io, Options options, std::unique_ptr<kube::Source> source,
       const std::shared_ptr<kube::Credentials>& credentials)
      : io_(io),
        options_(std::move(options)),
        source_(std::move(source)),
        translator_(options_.translation),
        table_(first_generation()),
        unsynced_(kube::kObjectKinds.begin(), kube::kObjectKinds.end()),
        credentials_(credentials) {
    if (!credentials) return;
    const auto connect = [credentials](const kube::ApiClient::Timeouts& timeouts) {
      return std::make_unique<kube::ApiClient>(credentials, timeouts);
    };
    event_writer_ = std::make_unique<EventWriter>(connect({}), EventOrigin{options_.instance},
                                                  EventWriter::Limits{}, metrics_);
    if (!options_.status) return;
    status_ = std::make_unique<StatusKeeper>(
        io_, connect, in_namespace(*options_.status, *credentials), options_.translation,
        translator_, metrics_, [this](const kube::Problem& problem) { report(problem); },
        [this](const kube::Problem& problem) { solve(problem); });
    policy_status_ = std::make_unique<PolicyStatus>(io_, connect, translator_,
                                                    [this] { return status_->may_write(); });
    status_->on_leading([this](bool is_leading) { policy_status_->set_leading(is_leading); });
  }

  ~Impl() { stop(); }

  util::Result<void> listen() {
    auto pushing =
        PushServer::listen(io_, options_.socket_path, options_.deadlines, table_, metrics_,
                           [this](const Refusal& refusal) { take_refusal(refusal); });
    if (!pushing) return util::Error{pushing.error().code, "--socket: " + pushing.error().detail};
    push_server_ = std::move(*pushing);
    if (!options_.metrics_listen) return {};
    auto listening = util::AdminServer::start(
        io_, {options_.metrics_listen->address, options_.metrics_listen->port},
        [this](const util::AdminRequest& request) { return page(request); });
    if (!listening) {
      return util::Error{listening.error().code, "--metrics-listen: " + listening.error().detail};
    }
    metrics_listener_ = std::move(*listening);
    log::info("metrics listening on {}:{}", options_.metrics_listen->address,
              metrics_listener_->port());
    return {};
  }

  void start() {
    source_->start([this](kube::SourceEvents events) {
      // Any thread. The source stops before this object goes.
      asio::post(io_, [this, events = std::move(events)]() mutable { take(std::move(events)); });
    });
  }

  void stop() {
    if (std::exchange(is_stopped_, true)) return;
    source_->stop();
    event_writer_.reset();
    if (push_server_) push_server_->stop();
    if (metrics_listener_) metrics_listener_->stop();
    if (policy_status_) policy_status_->stop();
    if (status_) status_->stop();
  }

  std::uint16_t metrics_port() const { return metrics_listener_ ? metrics_listener_->port() : 0; }

 private:
  void take(kube::SourceEvents events) {
    if (is_stopped_) return;
    for (const auto kind : events.synced) unsynced_.erase(kind);
    if (status_) status_->note(events);
    if (policy_status_) policy_status_->note(events);
    const auto begin = std::chrono::steady_clock::now();
    if (!heard_) heard_ = begin;
    translator_.take(std::move(events));
    translation_time_ += std::chrono::steady_clock::now() - begin;
    if (!unsynced_.empty() || std::exchange(is_publishing_posted_, true)) return;
    // Behind what is queued already: a burst is one change, and a lone event waits for nobody.
    asio::post(io_, [this] { publish(); });
  }

  void publish() {
    is_publishing_posted_ = false;
    if (is_stopped_) return;
    const auto begin = std::chrono::steady_clock::now();
    const auto changes = translator_.update();
    const bool is_first = !table_.is_complete();
    const auto step = table_.apply(changes.upserts, changes.removes);
    translation_time_ += std::chrono::steady_clock::now() - begin;
    metrics_.translation_took(std::exchange(translation_time_, {}));

    for (const auto& problem : changes.disappeared) solve(problem);
    for (const auto& problem : changes.appeared) report(problem);
    update_push_problems(step);
    count();
    if (is_first) {
      log::info("first complete table: generation {}, {} resources", table_.generation(),
                table_.resources().size());
    } else if (!step.changed.empty()) {
      log::debug("generation {}: {} resources changed", table_.generation(), step.changed.size());
    }
    if (is_first || !step.changed.empty()) {
      metrics_.published(table_.generation(), heard_.value_or(begin));
      push_server_->table_changed(step.changed);
    }
    heard_.reset();
    if (status_) status_->settle();
    if (policy_status_) policy_status_->settle(changes.judged);
  }

  /// What proxies refused is judged anew when it changes, and what cannot travel when it can.
  void update_push_problems(const PublishedTable::Step& step) {
    for (const auto& key : step.changed) {
      const auto found = push_problems_.find(key);
      if (found == push_problems_.end()) continue;
      solve(found->second);
      push_problems_.erase(found);
    }
    for (const auto& resource : step.refused) {
      log::error("{} is too large for the control socket; its former version stays in service",
                 table::to_string(table::key_of(resource)));
      add_push_problem(resource, "ResourceTooLarge",
                       "what is made from it is too large to be served; its former version stays");
    }
  }

  void take_refusal(const Refusal& refusal) {
    const auto* current = table_.find(refusal.key);
    if (!current || current->hash != refusal.hash) return;  // there is a newer one already
    const auto resource = table::decode(refusal.key.kind, *current->bytes);
    if (!resource) return;
    add_push_problem(*resource, "RefusedByProxy",
                     fmt::format("a proxy cannot take {}: {}; it keeps the former version",
                                 table::to_string(refusal.key), refusal.reason));
  }

  void add_push_problem(const table::Resource& resource, std::string_view code,
                        std::string message) {
    const auto object = object_of(resource);
    if (!object) return;
    kube::Problem problem{code, *object, {}, std::move(message)};
    const auto [place, is_new] = push_problems_.try_emplace(table::key_of(resource), problem);
    if (!is_new) {
      if (place->second == problem) return;
      solve(place->second);
      place->second = problem;
    }
    report(problem);
  }

  void report(const kube::Problem& problem) {
    log::warning("{}", to_line(problem));
    problems_.insert(problem);
    metrics_.problem_appeared(problem.code);
    if (!event_writer_) return;
    const auto* meta = translator_.objects().find_meta(problem.object);
    event_writer_->report(problem, meta ? meta->uid : std::string());
  }

  void solve(const kube::Problem& problem) {
    log::info("no longer: {}", to_line(problem));
    problems_.erase(problem);
    metrics_.problem_disappeared(problem.code);
  }

  void count() {
    for (const auto kind : kube::kObjectKinds) {
      metrics_.set_objects(kind, translator_.objects().count(kind));
    }
    for (const auto kind : table::kResourceKinds) {
      metrics_.set_resources(kind, table_.count(kind));
    }
    metrics_.set_generation(table_.generation());
  }

  std::vector<prometheus::MetricFamily> metrics() const {
    util::MetricFamilies families;
    add_ingress_metrics(families, translator_, problems_);
    const bool leads = status_ == nullptr || metrics_.is_leader();
    if (leads) add_certificate_metrics(families, translator_);
    if (credentials_ != nullptr) {
      add_api_metrics(families, credentials_->stats().now(), credentials_->server().host);
    }
    util::add_process_metrics(families);
    if (const auto& labels = options_.nginx_metrics) {
      add_nginx_metrics(families, *labels, translator_, problems_, leads);
      if (options_.status && options_.status->election) {
        add_nginx_election(families, *labels, options_.status->election->name,
                           metrics_.is_leader());
      }
    }
    auto all = metrics_.collect();
    for (auto& family : families.take()) all.push_back(std::move(family));
    return all;
  }

  util::AdminAnswer page(const util::AdminRequest& request) const {
    const auto path = request.path;
    if (path == "/metrics") return util::metrics_answer(metrics(), request.accept);
    if (path == "/healthz") return util::probe_answer("");
    if (path == "/readyz") {
      std::string waiting;
      for (const auto kind : unsynced_) waiting += std::string(" ") + kube::to_string(kind);
      return util::probe_answer(waiting.empty() ? "" : "waiting for the first list of" + waiting);
    }
    return util::not_found_answer();
  }

  asio::io_context& io_;
  const Options options_;
  std::unique_ptr<kube::Source> source_;
  Metrics metrics_;
  ingress::Translator translator_;
  PublishedTable table_;
  std::set<kube::Kind> unsynced_;
  const std::shared_ptr<kube::Credentials> credentials_;        // nullptr: there is no API server
  ProblemSet problems_;                                         // that hold now
  std::optional<std::chrono::steady_clock::time_point> heard_;  // of the first change not published
  std::map<table::ResourceKey, kube::Problem> push_problems_;
  std::chrono::nanoseconds translation_time_{};
  bool is_publishing_posted_ = false;
  bool is_stopped_ = false;
  std::unique_ptr<EventWriter> event_writer_;
  std::unique_ptr<StatusKeeper> status_;
  std::unique_ptr<PolicyStatus> policy_status_;  // after it, which its thread asks
  std::unique_ptr<PushServer> push_server_;
  std::unique_ptr<util::AdminServer> metrics_listener_;
};

util::Result<std::unique_ptr<Controller>> Controller::create(
    asio::io_context& io, Options options, std::unique_ptr<kube::Source> source,
    const std::shared_ptr<kube::Credentials>& credentials) {
  auto impl = std::make_unique<Impl>(io, std::move(options), std::move(source), credentials);
  if (const auto listening = impl->listen(); !listening) return listening.error();
  return std::unique_ptr<Controller>(new Controller(std::move(impl)));
}

Controller::Controller(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Controller::~Controller() = default;
void Controller::start() {
  impl_->start();
}
void Controller::stop() {
  impl_->stop();
}
std::uint16_t Controller::metrics_port() const {
  return impl_->metrics_port();
}

}  // namespace weir::controller
