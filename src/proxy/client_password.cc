#include <memory>
#include <utility>

#include "proxy/basic_auth.h"
#include "proxy/client_connection.h"

namespace weir::proxy {

namespace {

/// What a check of a password comes to. Touched on the worker's thread only.
struct Verdict {
  Fiber* waiting = nullptr;  // nullptr: it has left
  bool told = false;
  bool fits = false;
};

}  // namespace

Task<ClientConnection::AccessRefusal> ClientConnection::check_password(
    const table::BasicAuth& basic) {
  AccessRefusal refusal;
  refusal.reason = AnswerReason::AccessUnsettled;
  const auto users = worker_.table.find_users(basic.users);
  if (users == nullptr) co_return refusal;

  refusal.reason = AnswerReason::PasswordRequired;
  exchange_->answer_fields = make_challenge(basic.realm);
  auto told = read_credentials(exchange_->request);
  const auto* hash = told ? users->find_hash(told->name) : nullptr;
  if (hash == nullptr) co_return refusal;
  const auto digest = worker_.known_passwords.digest_of(*hash, told->password);
  if (worker_.known_passwords.has(digest)) {
    exchange_->answer_fields.clear();
    refusal.reason.reset();
    co_return refusal;
  }

  auto verdict = std::make_shared<Verdict>();
  verdict->waiting = this;
  auto tell = [verdict, &on = loop()](bool fits) {
    on.post([verdict, fits] {
      verdict->told = true;
      verdict->fits = fits;
      if (verdict->waiting != nullptr) verdict->waiting->notify();
    });
  };
  if (!worker_.passwords.check(*hash, std::move(told->password), std::move(tell))) {
    exchange_->answer_fields.clear();
    refusal.reason = AnswerReason::PasswordsBusy;
    co_return refusal;
  }
  stop_timer();  // those who may wait are few
  while (!verdict->told) {
    const auto wake = co_await wait();
    if (!verdict->told && (wake == Wake::Cancelled || client_has_left())) {
      verdict->waiting = nullptr;
      worker_.counters.requests_aborted.add();
      refusal.gone = true;
      co_return refusal;
    }
  }
  verdict->waiting = nullptr;
  if (!verdict->fits) co_return refusal;
  worker_.known_passwords.add(digest);
  exchange_->answer_fields.clear();
  refusal.reason.reset();
  co_return refusal;
}

}  // namespace weir::proxy
