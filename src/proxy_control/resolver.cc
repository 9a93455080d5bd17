#include "proxy_control/resolver.h"

#include <algorithm>
#include <map>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>

#include "proxy_control/ares_channel.h"
#include "util/backoff.h"
#include "util/log.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kMinTtl{1};
constexpr std::chrono::seconds kMaxTtl{300};
constexpr std::size_t kMaxAddresses = 256;

bool is_localhost(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name == "localhost" || name.ends_with(".localhost");
}

/// Loopback, and what the kernel takes for it when connecting (0.0.0.0, ::), mapped IPv4 as well.
bool is_this_host(const std::string& text) {
  boost::system::error_code error;
  auto address = asio::ip::make_address(text, error);
  if (error) return true;
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  if (address.is_v4() && address.to_v4().to_uint() >> 24 == 0) return true;  // 0.0.0.0/8
  return address.is_loopback() || address.is_unspecified();
}

}  // namespace

class Resolver::Impl {
 public:
  Impl(asio::io_context& io, Options options, ControlCounters& counters, Publish publish)
      : io_(io),
        options_(std::move(options)),
        counters_(counters),
        publish_(std::move(publish)),
        ares_(io, options_.servers) {}

  std::shared_ptr<const table::Backend> follow(std::shared_ptr<const table::Backend> backend) {
    if (!backend->dns) {
      forget(backend->name);
      return backend;
    }
    auto& name = names_[backend->name];
    const bool same_question = name && name->backend->dns->name == backend->dns->name &&
                               name->backend->dns->allow_loopback == backend->dns->allow_loopback;
    if (!same_question) {
      name = std::make_shared<Name>(io_, options_);
      name->backend = std::move(backend);
      ask_again(name, std::chrono::milliseconds(0));  // never answers before this has returned
    } else {
      name->backend = std::move(backend);
    }
    return filled(*name);
  }

  void forget(const std::string& backend) { names_.erase(backend); }

 private:
  /// A followed backend. Lookups and timers that end after it was forgotten find that it is
  /// expired.
  struct Name {
    Name(asio::io_context& io, const Options& options)
        : timer(io), backoff(options.first_retry, options.max_retry) {}
    std::shared_ptr<const table::Backend> backend;
    std::vector<std::string> addresses;
    std::string last_error;
    asio::steady_timer timer;
    util::Backoff backoff;
  };

  static std::shared_ptr<const table::Backend> filled(const Name& name) {
    auto backend = std::make_shared<table::Backend>(*name.backend);
    for (const auto& address : name.addresses) {
      table::Endpoint endpoint;
      endpoint.id = address + ":" + std::to_string(backend->dns->port);
      endpoint.address = address;
      endpoint.port = backend->dns->port;
      backend->endpoints.push_back(std::move(endpoint));
    }
    std::ranges::sort(backend->endpoints, {}, &table::Endpoint::id);
    return backend;
  }

  void ask(const std::shared_ptr<Name>& name) {
    const auto& dns = *name->backend->dns;
    if (!dns.allow_loopback && is_localhost(dns.name)) {
      return fail(name, "names this host, which is not allowed");
    }
    ares_.look_up(dns.name, [this, weak = std::weak_ptr(name)](const AresChannel::Answer& answer) {
      if (const auto still = weak.lock()) take(still, answer);
    });
  }

  void take(const std::shared_ptr<Name>& name, const AresChannel::Answer& answer) {
    if (!answer.error.empty()) return fail(name, answer.error);
    auto addresses = answer.addresses;
    if (!name->backend->dns->allow_loopback) std::erase_if(addresses, is_this_host);
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    if (addresses.size() > kMaxAddresses) addresses.resize(kMaxAddresses);
    if (addresses.empty()) {
      return fail(name, answer.addresses.empty() ? "has no address"
                                                 : "has only addresses of this host, which are not "
                                                   "allowed");
    }
    ++counters_.dns_answers;
    name->backoff.reset();
    name->last_error.clear();
    ask_again(name, std::clamp(answer.ttl, kMinTtl, kMaxTtl));
    if (addresses == name->addresses) return;
    name->addresses = std::move(addresses);
    publish_(filled(*name));
  }

  void fail(const std::shared_ptr<Name>& name, const std::string& why) {
    ++counters_.dns_failures;
    if (why != name->last_error) {
      util::log::warning("backend {}: DNS name {}: {}; asking again", name->backend->name,
                         name->backend->dns->name, why);
      name->last_error = why;
    }
    ask_again(name, name->backoff.next());
  }

  void ask_again(const std::shared_ptr<Name>& name, std::chrono::milliseconds wait) {
    name->timer.expires_after(wait);
    name->timer.async_wait(
        [this, weak = std::weak_ptr(name)](const boost::system::error_code& error) {
          const auto still = weak.lock();
          if (!error && still) ask(still);
        });
  }

  asio::io_context& io_;
  Options options_;
  ControlCounters& counters_;
  Publish publish_;
  std::map<std::string, std::shared_ptr<Name>> names_;  // by Backend::name
  AresChannel ares_;
};

Resolver::Resolver(asio::io_context& io, Options options, ControlCounters& counters,
                   Publish publish)
    : impl_(std::make_unique<Impl>(io, std::move(options), counters, std::move(publish))) {}

Resolver::~Resolver() = default;

std::shared_ptr<const table::Backend> Resolver::follow(
    std::shared_ptr<const table::Backend> backend) {
  return impl_->follow(std::move(backend));
}

void Resolver::forget(const std::string& backend) {
  impl_->forget(backend);
}

}  // namespace weir::proxy_control
