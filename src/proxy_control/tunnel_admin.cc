#include "proxy_control/tunnel_admin.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include "table/text_rules.h"
#include "util/json_text.h"
#include "util/units.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

using proxy::Side;
using proxy::TunnelEnd;
using std::chrono::milliseconds;
using Reply = util::AdminServer::Reply;

constexpr std::uint64_t kUsualLimit = 100;
constexpr std::uint64_t kMostLimit = 10'000;
constexpr milliseconds kMostOver = std::chrono::hours(24);
constexpr std::string_view kTunnels = "/v1/tunnels";

util::AdminAnswer json(unsigned status, std::string body) {
  return {status, "application/json", std::move(body) + '\n'};
}

util::AdminAnswer refusal(unsigned status, std::string_view sentence) {
  std::string body;
  util::JsonObject object(body);
  object.text("error", sentence).end();
  return json(status, std::move(body));
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

/// Takes what stands before `sign`, and `sign` too, from the front; all, if there is none.
std::string_view take_until(std::string_view& text, char sign) {
  const auto end = text.find(sign);
  const auto part = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  return part;
}

/// As forms are sent: "+" is a space. nullopt: a "%" without two digits.
std::optional<std::string> decoded(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      plain += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto* const digits = text.data() + i + 1;
    const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    plain += static_cast<char>(value);
    i += 2;
  }
  return plain;
}

void add_end(util::JsonObject& object, std::string& out, const char* name,
             const proxy::ComingEnd& end, std::chrono::system_clock::time_point now) {
  if (end.why == TunnelEnd::Count) return;
  object.name(name);
  util::JsonObject of_end(out);
  of_end.text("reason", proxy::reason_of(end.why)).text("until", util::utc_text(now + end.left));
  of_end.end();
}

void append(std::string& out, const proxy::TunnelRow& row,
            std::chrono::system_clock::time_point now) {
  const auto seconds = [](milliseconds time) {
    return static_cast<std::uint64_t>(time.count()) / 1000;
  };
  const auto client = proxy::index(Side::Client);
  const auto backend = proxy::index(Side::Backend);
  util::JsonObject object(out);
  object.number("id", row.id).text("client", row.client.text());
  object.text("route_host", row.host).text("route_path", row.path);
  object.text("ingress", row.ingress).text("backend", row.backend).text("endpoint", row.endpoint);
  object.boolean("tls", row.tls).text("opened", util::utc_text(now - row.age));
  object.number("age_s", seconds(row.age)).number("idle_s", seconds(row.idle));
  object.number("bytes_from_client", row.bytes[client]);
  object.number("bytes_from_backend", row.bytes[backend]);
  object.number("messages_from_client", row.messages[client]);
  object.number("messages_from_backend", row.messages[backend]);
  add_end(object, out, "ending", row.ending, now);
  add_end(object, out, "planned_end", row.planned, now);
  object.end();
}

using Ends = std::map<TunnelEnd, proxy::TunnelForecast::Ends>;

void add_ends(Ends& all, const Ends& more) {
  for (const auto& [why, ends] : more) {
    all[why].tunnels += ends.tunnels;
    all[why].last = std::max(all[why].last, ends.last);
  }
}

void append_ends(util::JsonObject& object, std::string& out, const char* name, const Ends& all,
                 std::chrono::system_clock::time_point now) {
  object.name(name);
  out += '[';
  for (const auto& [why, ends] : all) {
    if (out.back() != '[') out += ',';
    util::JsonObject of_reason(out);
    of_reason.text("reason", proxy::reason_of(why)).number("tunnels", ends.tunnels);
    of_reason.text("until", util::utc_text(now + ends.last)).end();
  }
  out += ']';
}

}  // namespace

/// A request's parameters. Each is taken by whoever knows it; what is left then is a mistake. The
/// first mistake is the one that is told.
class TunnelAdmin::Query {
 public:
  explicit Query(std::string_view text) {
    while (!text.empty()) {
      auto pair = take_until(text, '&');
      if (pair.empty()) continue;
      const std::string name(take_until(pair, '='));
      auto value = decoded(pair);
      if (!value || value->empty()) {
        fail(fmt::format("{}: has no value that can be read", name));
      } else if (!values_.emplace(name, *std::move(value)).second) {
        fail(fmt::format("{}: is given twice", name));
      }
    }
  }

  std::optional<std::string> text(const std::string& name) {
    const auto found = values_.find(name);
    if (found == values_.end()) return std::nullopt;
    auto value = std::move(found->second);
    values_.erase(found);
    return value;
  }
  std::optional<std::uint64_t> number(const std::string& name, std::uint64_t least,
                                      std::uint64_t most) {
    const auto given = text(name);
    if (!given) return std::nullopt;
    const auto value = number_of(*given);
    if (value && *value >= least && *value <= most) return value;
    fail(fmt::format("{}: \"{}\" is no number from {} to {}", name, *given, least, most));
    return std::nullopt;
  }
  std::optional<milliseconds> duration(const std::string& name) {
    const auto given = text(name);
    if (!given) return std::nullopt;
    const auto value = util::parse_duration(*given);
    if (value) return *value;
    fail(fmt::format("{}: {}", name, value.error().detail));
    return std::nullopt;
  }

  /// `any`: whether there was one at all.
  proxy::TunnelFilter filter(bool& any) {
    const auto before = values_.size();
    proxy::TunnelFilter filter;
    filter.id = number("id", 1, UINT64_MAX);
    filter.host = text("host");
    filter.ingress = text("ingress");
    filter.backend = text("backend");
    filter.endpoint = text("endpoint");
    filter.older_than = duration("older_than");
    filter.idle_for = duration("idle_for");
    if (const auto client = text("client")) {
      filter.client = util::IpPrefix::parse(*client);
      if (!filter.client) {
        fail(fmt::format("client: \"{}\" is no IP address and no network", *client));
      }
    }
    any = values_.size() != before;
    return filter;
  }

  void fail(std::string sentence) {
    if (mistake_.empty()) mistake_ = std::move(sentence);
  }
  /// Empty: all is well.
  std::string mistake() const {
    if (!mistake_.empty() || values_.empty()) return mistake_;
    return values_.begin()->first + ": is no parameter here";
  }

 private:
  std::map<std::string, std::string> values_;
  std::string mistake_;
};

TunnelAdmin::TunnelAdmin(asio::io_context& io, proxy::DataPlane& data_plane, milliseconds patience)
    : io_(io), data_plane_(data_plane), patience_(patience) {}

void TunnelAdmin::answer(const util::AdminRequest& request, Reply reply) {
  const auto path = request.path;
  if (!path.starts_with(kTunnels)) return reply(refusal(404, "there is no such page"));
  const auto rest = path.substr(kTunnels.size());
  const bool is_end = rest == "/end";
  if (request.post != is_end) {
    return reply(refusal(405, is_end ? "this takes POST" : "this takes GET"));
  }
  if (is_end) return end(Query(request.query), std::move(reply));
  if (rest.empty()) return list(Query(request.query), std::move(reply));
  if (const auto mistake = Query(request.query).mistake(); !mistake.empty()) {
    return reply(refusal(400, mistake));
  }
  if (rest == "/forecast") return forecast(std::move(reply));
  if (rest.starts_with('/')) return show(rest.substr(1), std::move(reply));
  reply(refusal(404, "there is no such page"));
}

void TunnelAdmin::list(Query query, Reply reply) {
  bool any = false;
  const auto filter = query.filter(any);
  const auto limit = query.number("limit", 1, kMostLimit).value_or(kUsualLimit);
  if (const auto mistake = query.mistake(); !mistake.empty()) return reply(refusal(400, mistake));
  const auto lists =
      std::make_shared<std::vector<proxy::TunnelList>>(data_plane_.counters().size());
  ask(
      [=](std::size_t worker, proxy::Tunnels& tunnels) {
        (*lists)[worker] = proxy::list_tunnels(tunnels, filter, limit);
      },
      [=] {
        std::vector<const proxy::TunnelRow*> rows;
        std::uint64_t fitting = 0;
        for (const auto& list : *lists) {
          fitting += list.fitting;
          for (const auto& row : list.rows) rows.push_back(&row);
        }
        std::ranges::sort(rows, {}, &proxy::TunnelRow::id);
        rows.resize(std::min<std::size_t>(rows.size(), limit));
        const auto now = std::chrono::system_clock::now();
        std::string body;
        util::JsonObject object(body);
        object.number("fitting", fitting).name("tunnels");
        body += '[';
        for (const auto* row : rows) {
          if (row != rows.front()) body += ',';
          append(body, *row, now);
        }
        body += ']';
        object.end();
        return json(200, std::move(body));
      },
      std::move(reply));
}

void TunnelAdmin::show(std::string_view id, Reply reply) {
  proxy::TunnelFilter filter;
  filter.id = number_of(id);
  if (!filter.id) return reply(refusal(404, "there is no such page"));
  const auto lists =
      std::make_shared<std::vector<proxy::TunnelList>>(data_plane_.counters().size());
  ask([=](std::size_t worker,
          proxy::Tunnels& tunnels) { (*lists)[worker] = proxy::list_tunnels(tunnels, filter, 1); },
      [=] {
        for (const auto& list : *lists) {
          if (list.rows.empty()) continue;
          std::string body;
          append(body, list.rows.front(), std::chrono::system_clock::now());
          return json(200, std::move(body));
        }
        return refusal(404, fmt::format("no tunnel {} is open", *filter.id));
      },
      std::move(reply));
}

void TunnelAdmin::forecast(Reply reply) {
  const auto parts =
      std::make_shared<std::vector<proxy::TunnelForecast>>(data_plane_.counters().size());
  ask([=](std::size_t worker,
          proxy::Tunnels& tunnels) { (*parts)[worker] = proxy::forecast_of(tunnels); },
      [=] {
        proxy::TunnelForecast all;
        for (const auto& part : *parts) {
          all.open += part.open;
          add_ends(all.ending, part.ending);
          add_ends(all.planned, part.planned);
        }
        const auto now = std::chrono::system_clock::now();
        std::string body;
        util::JsonObject object(body);
        object.number("open", all.open);
        append_ends(object, body, "ending", all.ending, now);
        append_ends(object, body, "planned", all.planned, now);
        object.end();
        return json(200, std::move(body));
      },
      std::move(reply));
}

void TunnelAdmin::end(Query query, Reply reply) {
  bool any = false;
  const auto filter = query.filter(any);
  const auto over = query.duration("over").value_or(milliseconds(0));
  if (over > kMostOver) query.fail("over: is more than 24h");
  proxy::CloseWords words;
  words.code = static_cast<std::uint16_t>(query.number("code", 1000, 4999).value_or(0));
  if (words.code != 0 && !table::is_close_code(words.code)) {
    query.fail(
        fmt::format("code: {} is none that may be sent (RFC 6455, section 7.4)", words.code));
  }
  words.reason = query.text("reason").value_or("");
  if (!table::is_close_reason(words.reason)) {
    query.fail(fmt::format("reason: is longer than {} bytes, or no UTF-8", table::kMaxCloseReason));
  }
  const auto all = query.text("all");
  if (all && *all != "true") query.fail("all: is \"true\" or not given");
  if (all && any) query.fail("all: does not go with filters");
  if (const auto mistake = query.mistake(); !mistake.empty()) return reply(refusal(400, mistake));
  if (!any && !all) return reply(refusal(400, "without a filter, all=true is needed"));

  const auto counts = std::make_shared<std::vector<std::size_t>>(data_plane_.counters().size());
  ask(
      [=](std::size_t worker, proxy::Tunnels& tunnels) {
        const auto now = tunnels.now();
        (*counts)[worker] = tunnels.end(
            [&](const proxy::Tunnel& tunnel) { return filter.fits(tunnel, now); }, words, over);
      },
      [=] {
        std::uint64_t ended = 0;
        for (const auto count : *counts) ended += count;
        std::string body;
        util::JsonObject object(body);
        object.number("ended", ended).end();
        return json(200, std::move(body));
      },
      std::move(reply));
}

void TunnelAdmin::ask(const Ask& ask, Join join, Reply reply) {
  const auto number = ++last_number_;
  auto deadline = std::make_unique<asio::steady_timer>(io_, patience_);
  deadline->async_wait([this, number](const boost::system::error_code& error) {
    if (error) return;
    const auto late = refusal(503, "a worker has not answered in time");
    finish(number, &late);
  });
  asked_.emplace(number, Asked{std::move(reply), std::move(join), std::move(deadline)});
  data_plane_.with_tunnels(
      ask, [this, number] { asio::post(io_, [this, number] { finish(number, nullptr); }); });
}

void TunnelAdmin::finish(std::uint64_t number, const util::AdminAnswer* instead) {
  auto asked = asked_.extract(number);
  if (asked.empty()) return;
  asked.mapped().reply(instead != nullptr ? *instead : asked.mapped().join());
}

}  // namespace weir::proxy_control
