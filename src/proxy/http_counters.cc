#include "proxy/http_counters.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace weir::proxy {

namespace {

using namespace std::string_view_literals;

constexpr std::array kMethods{"OTHER"sv, "GET"sv,    "HEAD"sv,    "POST"sv,  "PUT"sv,
                              "PATCH"sv, "DELETE"sv, "OPTIONS"sv, "TRACE"sv, "CONNECT"sv};
constexpr std::uint16_t kCodes = 600;
/// nginx's: the client did not wait for the answer.
constexpr int kClientGone = 499;

/// IANA's registry of status codes, and 499.
constexpr auto kKnownCodes = [] {
  std::array<bool, kCodes> known{};
  const auto add = [&known](std::size_t first, std::size_t last) {
    for (auto code = first; code <= last; ++code) known[code] = true;
  };
  add(100, 104);
  add(200, 208);
  add(226, 226);
  add(300, 305);
  add(307, 308);
  add(400, 417);
  add(421, 426);
  add(428, 429);
  add(431, 431);
  add(451, 451);
  add(kClientGone, kClientGone);
  add(500, 508);
  add(510, 511);
  return known;
}();

std::uint16_t number_of_code(int status) {
  if (status < 100 || status >= kCodes) return 0;
  const auto code = static_cast<std::uint16_t>(status);
  return kKnownCodes[code] ? code : static_cast<std::uint16_t>(code / 100);
}

}  // namespace

const char* failure_name(ConnectFailure failure) {
  switch (failure) {
    case ConnectFailure::Refused:
      return "refused";
    case ConnectFailure::Timeout:
      return "timeout";
    case ConnectFailure::NoPort:
      return "no_port";
    case ConnectFailure::Tls:
      return "tls";
    case ConnectFailure::Unreachable:
      return "unreachable";
    case ConnectFailure::Count:
      break;
  }
  return "";
}

ConnectFailure connect_failure_of(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
      return ConnectFailure::Refused;
    case ETIMEDOUT:
      return ConnectFailure::Timeout;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      return ConnectFailure::NoPort;
    default:
      return ConnectFailure::Unreachable;
  }
}

const char* retry_name(RetryReason reason) {
  switch (reason) {
    case RetryReason::Stale:
      return "stale";
    case RetryReason::Reset:
      return "reset";
    case RetryReason::Timeout:
      return "timeout";
    case RetryReason::Response:
      return "response";
    case RetryReason::Count:
      break;
  }
  return "";
}

// ---- kinds -------------------------------------------------------------------------------------

std::uint16_t RequestKind::number_of(std::string_view method) {
  const auto found = std::ranges::find(kMethods, method);
  return found == kMethods.end() ? std::uint16_t{0}
                                 : static_cast<std::uint16_t>(found - kMethods.begin());
}

RequestKind::RequestKind(std::uint16_t method, int status)
    : number_(static_cast<std::uint16_t>(method * kCodes + number_of_code(status))) {}

const char* RequestKind::method() const {
  return kMethods[number_ / kCodes].data();
}

std::string RequestKind::code() const {
  const int code = number_ % kCodes;
  return code < 100 ? code_class() : std::to_string(code);
}

std::string RequestKind::code_class() const {
  const int code = number_ % kCodes;
  return std::to_string(code < 100 ? code : code / 100) + "xx";
}

bool RequestKind::is_tunnel() const {
  return number_ % kCodes == 101;
}

// ---- one route ---------------------------------------------------------------------------------

HttpCounters::HttpCounters(HttpRegistry& registry, HttpLabels labels,
                           std::shared_ptr<HttpCounters> other)
    : registry_(registry), labels_(std::move(labels)), other_(std::move(other)) {}

HttpCounters::~HttpCounters() {
  std::size_t series = 0;
  for (auto* node = first_.load(std::memory_order_acquire); node != nullptr;) {
    if (node->own != nullptr) ++series;
    delete std::exchange(node, node->next);
  }
  if (other_ != nullptr) registry_.give_back(series);
}

HttpSeries& HttpCounters::find(RequestKind kind) {
  auto* first = first_.load(std::memory_order_relaxed);
  for (auto* node = first; node != nullptr; node = node->next) {
    if (node->kind != kind.number()) continue;
    last_ = node;
    return *node->series;
  }
  auto node = std::make_unique<Node>(Node{kind.number(), nullptr, nullptr, first});
  if (other_ == nullptr || registry_.take_series()) {
    node->own = std::make_unique<HttpSeries>();
    node->series = node->own.get();
  } else {
    node->series = &other_->of(kind);
  }
  last_ = node.release();
  first_.store(last_, std::memory_order_release);
  return *last_->series;
}

// ---- all ---------------------------------------------------------------------------------------

std::shared_ptr<HttpCounters> HttpRegistry::add(HttpLabels labels,
                                                std::shared_ptr<HttpCounters> other) {
  auto counters = std::make_shared<HttpCounters>(*this, std::move(labels), std::move(other));
  const std::lock_guard lock(mutex_);
  counters_.push_back(counters);
  if (counters_.size() > sweep_at_) {
    sweep();
    sweep_at_ = std::max(sweep_at_, 2 * counters_.size());
  }
  return counters;
}

void HttpRegistry::sweep() const {
  std::erase_if(counters_, [](const auto& counters) { return counters.expired(); });
}

std::vector<std::shared_ptr<const HttpCounters>> HttpRegistry::counters() const {
  const std::lock_guard lock(mutex_);
  sweep();
  std::vector<std::shared_ptr<const HttpCounters>> all;
  for (const auto& known : counters_) {
    if (auto counters = known.lock()) all.push_back(std::move(counters));
  }
  return all;
}

bool HttpRegistry::take_series() {
  if (series_.fetch_add(1, std::memory_order_relaxed) < most_series_) return true;
  give_back(1);
  dropped_.fetch_add(1, std::memory_order_relaxed);
  return false;
}

HttpBook::HttpBook(HttpRegistry& registry)
    : registry_(registry),
      other_(registry.add({kOther, "_other", "_other"}, nullptr)),
      unrouted_(registry.add({kUnrouted, "_", "_"}, nullptr)) {}

// ---- one request -------------------------------------------------------------------------------

void RequestTally::count(TimePoint now) const {
  const RequestKind kind(method, status == 0 ? kClientGone : status);
  auto& series = counters->of(kind);
  series.requests.add();
  if (!kind.is_tunnel()) series.durations.add(now - begun);
  if (connect_took >= std::chrono::nanoseconds(0)) series.connects.add(connect_took);
  if (header_took >= std::chrono::nanoseconds(0)) {
    series.headers.add(header_took);
    if (!kind.is_tunnel()) series.responses.add(now - upstream_begun);
  }
  series.request_bytes.add(request_bytes);
  series.response_bytes.add(response_bytes);
}

}  // namespace weir::proxy
