#include "proxy/mirror.h"

#include <algorithm>
#include <utility>

#include "proxy/client_connection.h"
#include "proxy/forward_head.h"

namespace weir::proxy {

MirrorCopy::~MirrorCopy() {
  if (!is_over_) worker_.counters.mirrored_left_out.add();
}

void MirrorCopy::add_body(std::span<const char> bytes) {
  body_ += bytes.size();
  if (is_over_ || body_ > kMostBody) return;
  what_.bytes.append(bytes.data(), bytes.size());
}

void MirrorCopy::send() {
  if (is_over_) return;
  is_over_ = true;
  if (body_ > kMostBody || worker_.mirrors_under_way >= kMostUnderWay) {
    worker_.counters.mirrored_left_out.add();
    return;
  }
  ++worker_.mirrors_under_way;
  Subrequest::start(worker_, std::move(what_), [&worker = worker_](const SubrequestAnswer& answer) {
    --worker.mirrors_under_way;
    (answer.head == nullptr ? worker.counters.mirrored_failed : worker.counters.mirrored).add();
  });
}

/// The request as its endpoints get it, to somebody else. Nothing: nobody is there.
void ClientConnection::begin_mirror(const table::Mirror& mirror, const Forwarded& forwarded,
                                    const RequestEdit& edit) {
  auto& exchange = *exchange_;
  const auto parts = request_parts();
  const auto target = text_of(mirror.target, parts);
  const auto is_visible = [](char c) { return c > ' ' && c != 0x7f; };
  Subrequest::What what;
  what.backend = worker_.table.find_backend(mirror.backend);
  if (what.backend == nullptr || what.backend->empty() || target.empty() ||
      !std::ranges::all_of(target, is_visible)) {
    worker_.counters.mirrored_left_out.add();
    return;
  }
  if (mirror.tls) {
    auto lane = worker_.upstream_tls.lane_for(*mirror.tls, exchange.host_name);
    if (!lane) {
      worker_.counters.mirrored_left_out.add();
      return;
    }
    what.lane = *std::move(lane);
  }
  auto copied = edit;
  copied.target = target;
  copied.host = mirror.host;
  copied.without_body = !mirror.with_body;
  copied.http_1_0 = copied.closes = false;
  std::string text;
  Gather gather;
  gather_request(exchange.request, forwarded, copied, text, gather);
  what.method = exchange.request.method;
  what.bytes = gather.rest_after(0);
  what.is_sent_once = true;
  exchange.mirror = std::make_unique<MirrorCopy>(worker_, std::move(what));
  if (!mirror.with_body) exchange.mirror->send();
}

}  // namespace weir::proxy
