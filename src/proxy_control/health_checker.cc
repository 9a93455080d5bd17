#include "proxy_control/health_checker.h"

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "util/log.h"
#include "util/version.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

using asio::ip::tcp;
using Kind = table::ActiveHealth::Kind;
using boost::system::error_code;
using std::chrono::milliseconds;

/// "HTTP/1.1 200": as much of a response as matters.
constexpr std::size_t kStatusLine = 12;

/// Says that weir speaks for itself (HAProxy's "The PROXY protocol", UNKNOWN and LOCAL).
std::string proxy_header(table::ProxyProtocol version) {
  using table::ProxyProtocol;
  if (version == ProxyProtocol::V1) return "PROXY UNKNOWN\r\n";
  if (version == ProxyProtocol::V2) return {"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16};
  return {};
}

std::string request_for(const table::Backend& backend, const std::string& address) {
  const auto& health = *backend.health;
  auto request = proxy_header(backend.proxy_protocol);
  request += "GET " + health.path + " HTTP/1.1\r\nHost: ";
  request += health.host.empty() ? address : health.host;
  request += std::string("\r\nUser-Agent: weir/") + util::kVersion;
  request += "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  return request;
}

/// 0: it is no response of HTTP/1.
unsigned status_in(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line[8] != ' ') return 0;
  unsigned status = 0;
  for (const char digit : line.substr(9, 3)) {
    if (digit < '0' || digit > '9') return 0;
    status = status * 10 + static_cast<unsigned>(digit - '0');
  }
  return status;
}

bool is_same(const table::Endpoint& a, const table::Endpoint& b) {
  return a.address == b.address && a.port == b.port;
}

bool asks_the_same(const table::Backend& a, const table::Backend& b) {
  return a.health == b.health && a.proxy_protocol == b.proxy_protocol;
}

}  // namespace

class HealthChecker::Impl {
 public:
  Impl(asio::io_context& io, proxy::SharedBackends& shared, ControlCounters& counters)
      : io_(io), shared_(shared), counters_(counters) {}
  ~Impl();

  void take(const std::shared_ptr<const table::Backend>& backend);
  void remove(const std::string& backend);

 private:
  class Check;
  struct Checked {
    proxy::SharedBackendRef shared;
    std::map<std::string, std::shared_ptr<Check>> checks;  // by the endpoint's identity
  };

  /// Calls its `begin`, now or when there is room.
  void admit(std::shared_ptr<Check> check);
  void ended();
  milliseconds spread(milliseconds around);
  milliseconds within(milliseconds most);

  asio::io_context& io_;
  proxy::SharedBackends& shared_;
  ControlCounters& counters_;
  std::map<std::string, Checked> backends_;
  std::size_t under_way_ = 0;
  std::deque<std::shared_ptr<Check>> waiting_;
  std::minstd_rand random_{std::random_device{}()};
};

/// One endpoint of one backend: waits, asks, judges, and waits again. Its handlers hold it.
class HealthChecker::Impl::Check : public std::enable_shared_from_this<Check> {
 public:
  Check(Impl& owner, std::shared_ptr<const table::Backend> backend, const table::Endpoint& endpoint,
        proxy::SharedBackendRef shared)
      : owner_(owner),
        backend_(std::move(backend)),
        endpoint_(endpoint),
        shared_(std::move(shared)),
        member_(shared_->member(endpoint.id)),
        timer_(owner.io_),
        socket_(owner.io_) {}

  const table::Backend& backend() const { return *backend_; }
  const table::Endpoint& endpoint() const { return endpoint_; }
  /// The backend has changed, but not what is asked.
  void use(std::shared_ptr<const table::Backend> backend) { backend_ = std::move(backend); }

  void start() { wait(owner_.within(milliseconds(policy().interval_ms))); }
  /// The endpoint is in, as far as anybody knows.
  void stop() {
    stopped_ = true;
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    if (std::exchange(under_way_, false)) owner_.ended();
    if (tally_.is_out()) {
      --owner_.counters_.endpoints_out;
      come_back();
    }
  }
  bool is_stopped() const { return stopped_; }

 private:
  /// A handler that judges what has failed, and goes on with `then` else.
  template <class Then>
  auto step(Then then) {
    return [self = shared_from_this(), then](const error_code& error, std::size_t bytes = 0) {
      if (self->stopped_) return;
      if (error) return self->judge(false, error.message());
      self->got_ += bytes;
      then(*self);
    };
  }

 public:
  void begin() {
    under_way_ = true;
    timed_out_ = false;
    got_ = 0;
    timer_.expires_after(milliseconds(policy().timeout_ms));
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (error || self->stopped_ || !self->under_way_) return;
      self->timed_out_ = true;
      error_code ignored;
      self->socket_.close(ignored);
    });
    error_code error;
    const auto address = asio::ip::make_address(endpoint_.address, error);
    socket_.async_connect({address, endpoint_.port}, step([](Check& self) { self.connected(); }));
  }

 private:
  const table::ActiveHealth& policy() const { return *backend_->health; }
  std::string address() const {
    const bool v6 = endpoint_.address.find(':') != std::string::npos;
    return (v6 ? '[' + endpoint_.address + ']' : endpoint_.address) + ':' +
           std::to_string(endpoint_.port);
  }

  void connected() {
    if (policy().kind == Kind::Tcp) return judge(true, {});
    request_ = request_for(*backend_, address());
    asio::async_write(socket_, asio::buffer(request_), step([](Check& self) {
                        self.got_ = 0;
                        self.read();
                      }));
  }

  void read() {
    socket_.async_read_some(asio::buffer(answer_) + got_,
                            step([](Check& self) { self.look_at_answer(); }));
  }

  void look_at_answer() {
    if (got_ < answer_.size()) return read();
    const auto status = status_in({answer_.data(), answer_.size()});
    const bool good = status >= policy().least_status && status <= policy().most_status;
    judge(good, status == 0 ? "no HTTP response" : "status " + std::to_string(status));
  }

  void judge(bool good, const std::string& why) {
    auto& counters = owner_.counters_;
    ++(good ? counters.checks_good : timed_out_ ? counters.checks_timed_out : counters.checks_bad);
    error_code ignored;
    socket_.close(ignored);
    under_way_ = false;
    if (tally_.count(good, policy())) {
      if (tally_.is_out()) {
        ++counters.endpoints_out;
        member_->fails_checks = true;
        util::log::warning("endpoint {} of {} is out: {} checks in a row failed, the last one: {}",
                           address(), backend_->name, policy().fall, timed_out_ ? "timeout" : why);
      } else {
        --counters.endpoints_out;
        util::log::info("endpoint {} of {} is back", address(), backend_->name);
        come_back();
      }
    }
    wait(owner_.spread(milliseconds(policy().interval_ms)));
    owner_.ended();
  }

  void come_back() {
    member_->fails_checks = false;
    shared_->call_everyone();
  }

  void wait(milliseconds time) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && !self->stopped_) self->owner_.admit(self);
    });
  }

  Impl& owner_;
  std::shared_ptr<const table::Backend> backend_;
  const table::Endpoint endpoint_;
  proxy::SharedBackendRef shared_;
  proxy::SharedMemberRef member_;
  HealthTally tally_;
  asio::steady_timer timer_;
  tcp::socket socket_;
  std::string request_;
  std::array<char, kStatusLine> answer_{};
  std::size_t got_ = 0;  // of `answer_`
  bool under_way_ = false;
  bool timed_out_ = false;
  bool stopped_ = false;
};

HealthChecker::Impl::~Impl() {
  waiting_.clear();
  for (auto& [name, checked] : backends_) {
    for (auto& [id, check] : checked.checks) check->stop();
  }
}

void HealthChecker::Impl::take(const std::shared_ptr<const table::Backend>& backend) {
  if (backend->health->kind == Kind::Off) return remove(backend->name);
  auto& checked = backends_[backend->name];
  if (checked.shared == nullptr) checked.shared = shared_.get(backend->name);
  auto before = std::exchange(checked.checks, {});
  for (const auto& endpoint : backend->endpoints) {
    if (endpoint.state != table::Endpoint::State::Ready) continue;
    auto& check = checked.checks[endpoint.id];
    if (const auto found = before.find(endpoint.id);
        found != before.end() && is_same(found->second->endpoint(), endpoint) &&
        asks_the_same(found->second->backend(), *backend)) {
      check = std::move(found->second);
      before.erase(found);
      check->use(backend);
    }
  }
  for (const auto& [id, check] : before) check->stop();
  for (const auto& endpoint : backend->endpoints) {
    const auto found = checked.checks.find(endpoint.id);
    if (found == checked.checks.end() || found->second != nullptr) continue;
    found->second = std::make_shared<Check>(*this, backend, endpoint, checked.shared);
    found->second->start();
  }
}

void HealthChecker::Impl::remove(const std::string& backend) {
  const auto found = backends_.find(backend);
  if (found == backends_.end()) return;
  for (const auto& [id, check] : found->second.checks) check->stop();
  backends_.erase(found);
}

void HealthChecker::Impl::admit(std::shared_ptr<Check> check) {
  if (under_way_ >= kAtOnce) {
    waiting_.push_back(std::move(check));
    return;
  }
  ++under_way_;
  check->begin();
}

void HealthChecker::Impl::ended() {
  --under_way_;
  while (!waiting_.empty() && under_way_ < kAtOnce) {
    const auto next = std::move(waiting_.front());
    waiting_.pop_front();
    if (next->is_stopped()) continue;
    ++under_way_;
    next->begin();
  }
}

/// A tenth more or less.
milliseconds HealthChecker::Impl::spread(milliseconds around) {
  return around - around / 10 + within(around / 5);
}

milliseconds HealthChecker::Impl::within(milliseconds most) {
  return milliseconds(std::uniform_int_distribution<std::int64_t>(0, most.count())(random_));
}

HealthChecker::HealthChecker(asio::io_context& io, proxy::SharedBackends& shared,
                             ControlCounters& counters)
    : impl_(std::make_unique<Impl>(io, shared, counters)) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::adopt(const proxy::Delta& delta) {
  for (const auto& backend : delta.backends) impl_->take(backend);
  for (const auto& name : delta.removed_backends) impl_->remove(name);
}

}  // namespace weir::proxy_control
