#include "proxy/exchange.h"

#include <algorithm>

#include "proxy/mirror.h"

namespace weir::proxy {

Body::Step Body::take(std::span<char> bytes, bool strip) {
  Step step;
  switch (framing_.kind) {
    case Framing::Kind::None:
      return step;
    case Framing::Kind::Length:
      step.used = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      step.to_forward = bytes.first(step.used);
      left_ -= step.used;
      received_ += step.used;
      return step;
    case Framing::Kind::Chunked: {
      const auto chunk = chunks_.feed(bytes, strip);
      step.used = chunk.used;
      step.malformed = chunk.malformed;
      step.to_forward = bytes.first(strip ? chunk.decoded : chunk.used);
      chunked_done_ = chunk.done;
      received_ += chunk.decoded;
      return step;
    }
    case Framing::Kind::UntilClose:
      step.used = bytes.size();
      step.to_forward = bytes;
      received_ += step.used;
      return step;
  }
  return step;
}

Exchange::Exchange() = default;

Exchange::~Exchange() = default;

std::string_view Exchange::auth_cookies_for(int status) const {
  constexpr int kUsual[] = {101, 200, 201, 204, 206, 301, 302, 303, 304, 307, 308};
  if (auth_cookies.empty() || auth_cookies_always) return auth_cookies;
  return std::ranges::find(kUsual, status) == std::end(kUsual) ? std::string_view{} : auth_cookies;
}

void Exchange::forget_rules() {
  rules = nullptr;
  mirror.reset();
  falls_back = false;
  is_plain = false;
  route_lines.clear();
  route_names.clear();
  headers.reset();
  fields_are_settled = false;
  sets_hsts = false;
  rewritten.clear();
}

void Exchange::reset() {
  upgrade = {};
  host = nullptr;
  route = nullptr;
  if (rules != nullptr || fields_are_settled) forget_rules();
  set_cookie.clear();
  auth_cookies.clear();
  auth_was_asked = false;
  answer_fields.clear();
  request_id = {};
  target.clear();
  field_edits.clear();
  tried.clear();
  handshake_counters = nullptr;
  tally = {};
  client_place.release();
  to_backend.clear();
  to_client.clear();
}

}  // namespace weir::proxy
