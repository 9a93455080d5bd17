#include <algorithm>
#include <utility>

#include "proxy/client_connection.h"
#include "proxy/external_auth.h"
#include "proxy/target.h"
#include "proxy/upstream_connect.h"
#include "util/log.h"

namespace weir::proxy {

namespace {

/// Whether nobody else need be asked after one of several protections has said why not, or nothing.
/// `is_there`: it protects at all.
bool is_settled(const table::Access& access, const std::optional<AnswerReason>& reason,
                bool is_there) {
  if (reason == AnswerReason::AccessUnsettled) return true;
  return access.any ? is_there && !reason : reason.has_value();
}

}  // namespace

Task<ClientConnection::AccessRefusal> ClientConnection::check_access(const RouteRules& rules) {
  const auto& access = exchange_->route->rules->access;
  // The password is for weir.
  if (access.basic) exchange_->field_edits.push_back({"Authorization", {}});
  AccessRefusal refusal;
  refusal.reason = rules.access.refuse(exchange_->origin.client);
  if (is_settled(access, refusal.reason, rules.access.has_lists())) co_return refusal;
  std::string challenge;
  if (access.basic) {
    refusal = co_await check_password(*access.basic);
    if (refusal.gone || !access.external || is_settled(access, refusal.reason, true)) {
      co_return refusal;
    }
    challenge = std::exchange(exchange_->answer_fields, {});
  }
  if (!access.external) co_return refusal;
  refusal = co_await ask_auth_service(*access.external);
  if (refusal.reason == AnswerReason::AuthForbidden && !challenge.empty()) {
    // A password would do as well.
    exchange_->answer_fields = std::move(challenge);
    refusal.reason = AnswerReason::PasswordRequired;
  }
  co_return refusal;
}

std::optional<AnswerReason> ClientConnection::count_client(const ClientLimits& limits) {
  const auto client = limits.counted(exchange_->origin.client);
  if (!client) return std::nullopt;
  auto& use = worker_.client_use;
  if (limits.at_once() != 0 && !use.take(*client, limits.at_once(), exchange_->client_place)) {
    return AnswerReason::ConnectionLimit;
  }
  if (limits.has_rates() && !use.may_ask(*client, limits.rates(), loop().now(),
                                         worker_.counters.limited_clients_forgotten)) {
    return AnswerReason::RateLimit;
  }
  return std::nullopt;
}

bool ClientConnection::find_auth_service(const table::ExternalAuth& auth, std::string_view target,
                                         Subrequest::What& what) {
  // What a client sends may be in it, and must not be more than the target.
  const auto is_visible = [](char c) { return c > ' ' && c != 0x7f; };
  if (!std::ranges::all_of(target, is_visible)) return false;
  const auto* tls = auth.tls ? &*auth.tls : nullptr;
  if (auth.backend.empty()) {
    std::string storage;
    const auto path = normalize_path(target, storage);
    const auto* route = path ? exchange_->host->find_route(*path, worker_.matcher).route : nullptr;
    if (route == nullptr || route->backends.empty()) return false;
    what.backend = worker_.table.find_backend(LiveTable::choose_backend(*route, worker_.random));
    tls = route->upstream_tls ? &*route->upstream_tls : nullptr;
  } else {
    what.backend = worker_.table.find_backend(auth.backend);
  }
  if (what.backend == nullptr || what.backend->empty()) return false;
  if (tls == nullptr) return true;
  auto lane = worker_.upstream_tls.lane_for(*tls, exchange_->host_name);
  if (!lane) {
    log_upstream_tls(worker_, what.backend->name(), "any endpoint", lane.error().detail);
    return false;
  }
  what.lane = *std::move(lane);
  return true;
}

bool ClientConnection::make_auth_question(const table::ExternalAuth& auth, Subrequest::What& what) {
  const auto& exchange = *exchange_;
  const RequestParts parts{exchange.request, exchange.origin.client, exchange.host_name,
                           exchange.origin.scheme};
  const auto target = text_of(auth.target, parts);
  if (!find_auth_service(auth, target, what)) return false;
  what.method = auth.method;
  what.bytes = make_auth_request(auth, target, parts,
                                 {exchange.origin, identity_.get(), exchange.request_id},
                                 worker_.table.kept_names());
  what.policy = *exchange.route->requests;
  return true;
}

std::optional<AuthQuestion> ClientConnection::question_of_tunnel() {
  const auto& route = *exchange_->route;
  Subrequest::What what;
  if (!exchange_->auth_was_asked || route.tunnels->auth_interval_ms == 0 ||
      !make_auth_question(*route.rules->access.external, what)) {
    return std::nullopt;
  }
  return AuthQuestion{what.backend->name(), std::move(what.lane), std::move(what.method),
                      std::move(what.bytes), what.policy};
}

void ClientConnection::log_auth_failure(const std::string& why) {
  const auto& origin = exchange_->route->origin;
  const auto left_out = worker_.log_limiter.take(origin, loop().now());
  if (!left_out) return;
  util::log::warning("auth service of {} for host {}: {}{}", origin, exchange_->host->name(), why,
                     *left_out == 0 ? "" : fmt::format(" ({} such lines left out)", *left_out));
}

std::optional<util::ContentHash> ClientConnection::auth_cache_key(const table::ExternalAuth& auth) {
  if (auth.cache_key.empty()) return std::nullopt;
  const auto text = text_of(auth.cache_key, request_parts());
  if (text.empty()) return std::nullopt;
  return AuthCache::key_of(auth, exchange_->host->name(), exchange_->route->match, text);
}

Task<ClientConnection::AccessRefusal> ClientConnection::ask_auth_service(
    const table::ExternalAuth& auth) {
  AccessRefusal refusal;
  refusal.reason = AnswerReason::AuthFailed;
  const auto key = auth_cache_key(auth);
  if (key) {
    auto known = worker_.auth_cache.find(*key, auth, loop().now());
    if (known) {
      worker_.counters.auth_cache_hits.add();
      co_return settle_verdict(auth, *std::move(known));
    }
  }
  Subrequest::What what;
  if (!make_auth_question(auth, what)) {
    log_auth_failure("nobody is there to be asked");
    co_return refusal;
  }

  AuthVerdict verdict;
  bool told = false;
  stop_timer();  // the subrequest has its own
  auto* question = Subrequest::start(worker_, std::move(what), [&](const SubrequestAnswer& answer) {
    verdict = read_auth_answer(auth, answer.head);
    told = true;
    const auto kept = key && answer.head != nullptr ? cache_time_of(auth, *answer.head)
                                                    : std::optional<std::chrono::milliseconds>();
    if (kept) worker_.auth_cache.put(*key, verdict, loop().now() + *kept);
    notify();
  });
  while (!told) {
    const auto wake = co_await wait();
    if (!told && (wake == Wake::Cancelled || client_has_left())) {
      question->forget();
      worker_.counters.requests_aborted.add();
      refusal.gone = true;
      co_return refusal;
    }
  }
  co_return settle_verdict(auth, std::move(verdict));
}

ClientConnection::AccessRefusal ClientConnection::settle_verdict(const table::ExternalAuth& auth,
                                                                 AuthVerdict verdict) {
  auto& exchange = *exchange_;
  AccessRefusal refusal;
  refusal.reason = verdict.refused;
  if (refusal.reason == AnswerReason::AuthFailed) log_auth_failure(verdict.why);
  if (!refusal.reason) {
    std::ranges::move(verdict.fields, std::back_inserter(exchange.field_edits));
    exchange.auth_was_asked = true;
    exchange.auth_cookies = std::move(verdict.cookies);
    exchange.auth_cookies_always = auth.always_set_cookie;
    return refusal;
  }
  exchange.answer_fields = verdict.cookies + verdict.challenges;
  if (refusal.reason == AnswerReason::AuthRedirect) {
    exchange.answer_fields = std::move(verdict.cookies);
    const RequestParts parts{exchange.request, exchange.origin.client, exchange.host_name,
                             exchange.origin.scheme};
    refusal.location = signin_location(auth, parts, exchange.origin);
  }
  return refusal;
}

}  // namespace weir::proxy
