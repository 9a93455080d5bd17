#include "proxy/answer.h"
#include "proxy/client_connection.h"
#include "proxy/proxy_header_io.h"

namespace weir::proxy {

namespace {

constexpr std::uint16_t kHttps = 443;

}  // namespace

Arrival ClientConnection::arrival() const {
  const auto& settings = worker_.table.settings();
  // As in ingress-nginx: TLS ended in front of us.
  const bool https = stream_.is_tls() || (told_ != nullptr && told_->destination_port == kHttps);
  return {address_, https, https ? settings.public_https_port : settings.public_http_port};
}

Task<bool> ClientConnection::take_proxy_header() {
  const auto header = co_await receive_proxy_header(*this, worker_, *stream_.io());
  if (header.state != ProxyHeader::State::Complete) co_return false;
  believe(header);
  if (!worker_.by_address.take(address_, place_)) {
    worker_.counters.connections_refused_by_address.add();
    co_await refuse();
    co_return false;
  }
  proxy_header_due_ = false;
  const auto& timeouts = worker_.timeouts;
  start_timer(handshaken_ ? timeouts.head : timeouts.handshake);
  co_return true;
}

Task<bool> ClientConnection::refuse() {
  if (handshaken_) {
    AnswerRequest how;
    how.retry_after = worker_.retry_after();
    worker_.counters.answers[static_cast<std::size_t>(AnswerReason::TooManyConnections)].add();
    const bool written = co_await write_all(make_answer(AnswerReason::TooManyConnections, how));
    if (!written) co_return false;
  }
  co_return co_await linger();
}

void ClientConnection::believe(const ProxyHeader& header) {
  if (!believes_proxy_header(worker_, address_) || !header.ends) return;
  address_ = header.ends->source.text();
  told_ = std::make_unique<ConnectionEnds>(*header.ends);
}

bool ClientConnection::announce(std::string_view client, const Backend& backend, Stream& stream) {
  return send_proxy_header(backend.policy().proxy_protocol, client, told_.get(), stream);
}

}  // namespace weir::proxy
