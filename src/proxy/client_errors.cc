#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "proxy/client_connection.h"
#include "proxy/error_request.h"

/// What answers where a route's own backend does not, or not well (custom-http-errors).
namespace weir::proxy {

namespace {

constexpr std::size_t kMostErrorPage = 1024 * 1024;  // bytes of its body

}  // namespace

BackendRef ClientConnection::fall_back(BackendRef without_endpoints) {
  auto& exchange = *exchange_;
  const auto& name = exchange.route->rules->fallback;
  if (name.empty()) return without_endpoints;
  auto backend = worker_.table.find_backend(name);
  if (backend == nullptr || backend->empty()) return without_endpoints;
  exchange.falls_back = true;
  auto fields = error_fields(503, exchange.rules->errors, request_parts());
  std::ranges::move(fields, std::back_inserter(exchange.field_edits));
  return backend;
}

bool ClientConnection::wants_error_page(int status) const {
  const auto& exchange = *exchange_;
  // Who stands in for the route's backend has said what there is to say.
  if (exchange.rules == nullptr || exchange.falls_back) return false;
  const auto& pages = exchange.route->rules->error_pages;
  return pages && std::ranges::binary_search(pages->statuses, status);
}

ResponseEdit ClientConnection::edit_responses() const {
  const auto& exchange = *exchange_;
  ResponseEdit edit;
  if (stream_.is_tls() && !exchange.sets_hsts) edit.hsts = worker_.table.hsts();
  edit.lines = exchange.route_lines;
  edit.replaced = exchange.route_names;
  if (exchange.headers != nullptr) edit.hidden = exchange.headers->hidden;
  edit.server = worker_.table.settings().headers.server;
  return edit;
}

std::string ClientConnection::make_error_page(const SubrequestAnswer& answer, bool keep_alive) {
  const auto& exchange = *exchange_;
  auto head = *answer.head;
  const bool has_body =
      exchange.request.method != "HEAD" && head.status != 204 && head.status != 304;
  for (auto& field : head.fields) {
    field.hop_by_hop |= field.id == FieldName::TransferEncoding || field.id == FieldName::Trailer ||
                        (has_body && field.id == FieldName::ContentLength);
  }
  auto lines = exchange.route_lines + exchange.answer_fields;
  if (has_body) {
    fmt::format_to(std::back_inserter(lines), "Content-Length: {}\r\n", answer.body.size());
  }
  auto edit = edit_responses();
  edit.client_version = exchange.request.version;
  edit.keep_alive = keep_alive;
  edit.lines = lines;
  std::string text;
  Gather gather;
  gather_response(head, edit, text, gather);
  auto page = gather.rest_after(0);
  if (has_body) page += answer.body;
  return page;
}

Task<std::optional<ClientConnection::Next>> ClientConnection::show_error_page(int status,
                                                                              bool keep_alive) {
  auto& exchange = *exchange_;
  const auto& route = *exchange.route;
  Subrequest::What what;
  what.backend = worker_.table.find_backend(route.rules->error_pages->backend);
  if (what.backend == nullptr || what.backend->empty()) co_return std::nullopt;
  const auto parts = request_parts();
  auto fields = error_fields(status, exchange.rules->errors, parts);
  if (exchange.request_id.empty()) settle_request_id();
  if (!exchange.request_id.empty()) {
    fields.push_back({"X-Request-ID", std::string(exchange.request_id)});
  }
  what.method = exchange.request.method;
  what.bytes = make_error_request(fields, parts, exchange.origin, worker_.table.kept_names(),
                                  /*authorization=*/!route.rules->access.basic);
  what.policy = *route.requests;
  what.most_body = kMostErrorPage;

  std::string page;
  int page_status = 0;
  bool told = false;
  stop_timer();  // the subrequest has its own
  auto* question = Subrequest::start(worker_, std::move(what), [&](const SubrequestAnswer& answer) {
    if (answer.head != nullptr) {
      page = make_error_page(answer, keep_alive);
      page_status = answer.head->status;
    }
    told = true;
    notify();
  });
  while (!told) {
    const auto wake = co_await wait();
    if (!told && (wake == Wake::Cancelled || client_has_left())) {
      question->forget();
      worker_.counters.requests_aborted.add();
      co_return Next::Close;
    }
  }
  if (page.empty()) co_return std::nullopt;
  count_status(page_status);
  HeldBytes::Holder held(worker_.held, *this);
  held.set(page.size());
  const bool written = co_await write_all(std::move(page));
  if (!written) co_return Next::Close;
  co_return keep_alive ? Next::Request : Next::Linger;
}

}  // namespace weir::proxy
