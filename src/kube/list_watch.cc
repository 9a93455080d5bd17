#include "kube/list_watch.h"

#include "kube/list_splitter.h"
#include "kube/resource.h"
#include "util/log.h"

namespace weir::kube {

namespace {

/// Beyond timeoutSeconds, at which the server should end a watch by itself.
constexpr std::chrono::seconds kWatchGrace{30};

WatchEnd end_of(const ApiReply& reply, const std::optional<WatchFailure>& failure) {
  if (failure) return failure->code == 410 ? WatchEnd::Gone : WatchEnd::Error;
  if (reply.status == ApiStatus::Expired) return WatchEnd::Gone;
  return reply.status == ApiStatus::Ok ? WatchEnd::Eof : WatchEnd::Error;
}

}  // namespace

/// Cuts what a watch brings into lines, and tells them by the piece: events that came together are
/// taken over together.
class ListWatch::Stream {
 public:
  explicit Stream(ListWatch& owner) : owner_(owner) {}

  /// False when the watch is to end.
  bool feed(std::string_view piece) {
    while (!piece.empty() && !failure_) {
      const auto end = piece.find('\n');
      const auto part = piece.substr(0, end);
      if (line_.size() + part.size() > owner_.options_.max_object) skipping_ = true;
      if (!skipping_) line_ += part;
      if (end == std::string_view::npos) break;
      end_line();
      piece.remove_prefix(end + 1);
    }
    flush();
    return !failure_;
  }

  /// Whether there was anything that only a live server says.
  bool heard() const { return heard_; }
  const std::optional<WatchFailure>& failure() const { return failure_; }

 private:
  void end_line() {
    if (skipping_) {
      util::log::error("watch of {}: an object over {} bytes is passed over",
                       resource_name(owner_.kind_), owner_.options_.max_object);
    } else if (!line_.empty()) {
      on_line();
    }
    skipping_ = false;
    line_.clear();
  }

  void on_line() {
    auto event = decode_watch_event(owner_.kind_, line_);
    if (!event) {
      util::log::error("watch of {}: an event is {}", resource_name(owner_.kind_),
                       event.error().detail);
    } else if (auto* change = std::get_if<WatchChange>(&*event)) {
      on_change(std::move(*change));
    } else if (auto* bookmark = std::get_if<WatchBookmark>(&*event)) {
      hear();
      if (!bookmark->resource_version.empty()) owner_.version_ = bookmark->resource_version;
    } else if (auto* failure = std::get_if<WatchFailure>(&*event)) {
      failure_ = std::move(*failure);
    } else {
      util::log::debug("watch of {}: an event of an unknown type", resource_name(owner_.kind_));
    }
  }

  void on_change(WatchChange change) {
    hear();
    auto& decoded = change.decoded;
    const auto ref = decoded.ref;
    const auto version = decoded.resource_version;
    // The parts of one call have no order among them, so an object is in it once.
    if (!named_.insert(ref).second) {
      flush();
      named_.insert(ref);
    }
    if (change.deleted) {
      owner_.known_.erase(ref);
      events_.removes.push_back(ref);
    } else {
      owner_.take(std::move(decoded), events_);
    }
    if (!version.empty()) owner_.version_ = version;
  }

  void hear() {
    heard_ = true;
    owner_.succeeded();
    owner_.stats_.heard(owner_.kind_);
  }

  void flush() {
    if (named_.empty()) return;
    named_.clear();
    owner_.sink_(std::exchange(events_, {}));
  }

  ListWatch& owner_;
  std::string line_;
  bool skipping_ = false;
  bool heard_ = false;
  std::optional<WatchFailure> failure_;
  SourceEvents events_;
  std::set<ObjectRef> named_;
};

ListWatch::ListWatch(Kind kind, std::shared_ptr<Credentials> credentials, ListWatchOptions options,
                     Source::Sink sink)
    : kind_(kind),
      options_(std::move(options)),
      sink_(std::move(sink)),
      stats_(credentials->stats()),
      client_(std::move(credentials), options_.timeouts),
      backoff_(options_.backoff_first, options_.backoff_max) {
  stats_.watches(kind_);
}

void ListWatch::run() {
  while (!stopped()) {
    const auto next = version_.empty() ? list() : watch();
    if (next == Next::Go) continue;
    if (next == Next::RelistLater && !version_.empty()) list_anew(ListReason::Refused);
    if (!wait(next)) return;
  }
}

void ListWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  wake_.notify_all();
  client_.stop();
}

bool ListWatch::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

bool ListWatch::wait(Next next) {
  std::unique_lock lock(mutex_);
  if (next == Next::Absent) {
    std::uniform_int_distribution<std::int64_t> jitter(0, options_.absent_retry.count() / 4);
    const std::chrono::milliseconds more(jitter(random_));
    return !wake_.wait_for(lock, options_.absent_retry + more, [this] { return stopped_; });
  }
  const auto now = Clock::now();
  if (now - last_failure_ >= options_.backoff_reset) backoff_.reset();
  last_failure_ = now;
  std::chrono::milliseconds delay = backoff_.next();
  if (retry_after_) delay = std::max<std::chrono::milliseconds>(delay, *retry_after_);
  retry_after_.reset();
  return !wake_.wait_for(lock, delay, [this] { return stopped_; });
}

void ListWatch::take(Decoded decoded, SourceEvents& events) {
  for (auto& problem : decoded.problems) events.problems.push_back(std::move(problem));
  if (decoded.object) events.upserts.push_back(std::move(*decoded.object));
  known_.insert(std::move(decoded.ref));
}

ListWatch::Next ListWatch::list() {
  auto before = std::exchange(known_, {});
  SourceEvents events;
  std::string continue_token;
  std::string version;
  bool paged = true;
  std::size_t oversized = 0;
  for (;;) {
    ListHead head;
    const auto reply = list_page(continue_token, paged, events, head, oversized);
    if (reply.status == ApiStatus::Expired && !continue_token.empty()) {
      // The rest that the server offers instead would be of another moment.
      events = {};
      known_.clear();
      continue_token.clear();
      version.clear();
      oversized = 0;
      paged = false;
      continue;
    }
    if (reply.status != ApiStatus::Ok) {
      known_ = std::move(before);
      return may_be_absent(reply.status) ? absent(reply) : failed(reply, "list");
    }
    if (version.empty()) version = head.resource_version;
    continue_token = head.continue_token;
    if (continue_token.empty()) break;
  }
  succeeded();
  stats_.listed(kind_, list_reason_);
  stats_.heard(kind_);
  version_ = version;
  heard_since_list_ = false;
  for (const auto& ref : before) {
    if (known_.contains(ref)) continue;
    if (oversized > 0) {
      known_.insert(ref);  // it may be the one that could not be read
    } else {
      events.removes.push_back(ref);
    }
  }
  events.synced = {kind_};
  sink_(std::move(events));
  return Next::Go;
}

ApiReply ListWatch::list_page(const std::string& continue_token, bool paged, SourceEvents& events,
                              ListHead& head, std::size_t& oversized) {
  std::string query = resource_selector(kind_, options_.watch_name);
  const auto add = [&query](const std::string& parameter) {
    query += (query.empty() ? "" : "&") + parameter;
  };
  if (paged) add("limit=" + std::to_string(options_.page_size));
  if (!continue_token.empty()) add("continue=" + encode_query(continue_token));

  ListSplitter splitter(options_.max_object, [&](std::string_view item, std::size_t) {
    take(decode_object(kind_, item), events);
  });
  auto reply = client_.get(resource_path(kind_, options_.watch_namespace) + "?" + query,
                           [&](std::string_view piece) { return splitter.feed(piece); });
  if (reply.status != ApiStatus::Ok) return reply;
  auto decoded = decode_list_head(splitter.head());
  if (!decoded || list_item_kind(decoded->api_version, decoded->kind) != kind_ ||
      decoded->resource_version.empty()) {
    reply.status = ApiStatus::Refused;
    reply.detail = "the answer is no list of this kind";
    return reply;
  }
  if (splitter.oversized() > 0) {
    util::log::error("list of {}: {} objects over {} bytes are passed over", resource_name(kind_),
                     splitter.oversized(), options_.max_object);
  }
  oversized += splitter.oversized();
  head = std::move(*decoded);
  return reply;
}

ListWatch::Next ListWatch::watch() {
  std::uniform_int_distribution<std::int64_t> lifetime(options_.watch_min.count(),
                                                       options_.watch_max.count());
  const std::chrono::seconds timeout(lifetime(random_));
  auto selector = resource_selector(kind_, options_.watch_name);
  if (!selector.empty()) selector += '&';
  const auto target =
      resource_path(kind_, options_.watch_namespace) + "?" + selector +
      "watch=1&allowWatchBookmarks=true&timeoutSeconds=" + std::to_string(timeout.count()) +
      "&resourceVersion=" + encode_query(version_);
  Stream stream(*this);
  const auto begin = Clock::now();
  const auto reply = client_.get(
      target, [&](std::string_view piece) { return stream.feed(piece); }, timeout + kWatchGrace);
  heard_since_list_ = heard_since_list_ || stream.heard();
  if (!stopped()) stats_.watch_ended(kind_, end_of(reply, stream.failure()));
  return after_watch(reply, stream, Clock::now() - begin);
}

void ListWatch::list_anew(ListReason reason) {
  version_.clear();
  list_reason_ = reason;
}

ListWatch::Next ListWatch::after_watch(const ApiReply& reply, const Stream& stream,
                                       Clock::duration lasted) {
  if (const auto& failure = stream.failure()) {
    if (failure->code == 410) return expired(heard_since_list_);
    ApiReply told{ApiStatus::Refused,
                  failure->code,
                  std::nullopt,
                  "the server ended the watch: " + failure->message,
                  {}};
    failed(told, "watch");
    const bool passes = failure->code == 429 || failure->code >= 500;
    return passes ? Next::Retry : Next::RelistLater;
  }
  switch (reply.status) {
    case ApiStatus::Ok:
      if (!stream.heard() && lasted >= options_.silent_watch) list_anew(ListReason::Silent);
      if (!stream.heard() && lasted < options_.short_watch) {
        return failed({ApiStatus::Refused, 0, std::nullopt, "ended at once", {}}, "watch");
      }
      succeeded();
      return Next::Go;
    case ApiStatus::Expired:
      return expired(heard_since_list_);
    case ApiStatus::NotFound:  // its definition has been deleted; the list says so, too
      version_.clear();
      return Next::Retry;
    case ApiStatus::Refused:
      failed(reply, "watch");
      return Next::RelistLater;
    default:
      return failed(reply, "watch");
  }
}

/// Lists again, at once unless the last list led straight here.
ListWatch::Next ListWatch::expired(bool heard) {
  util::log::info("watch of {}: the server no longer has its version, listing again",
                  resource_name(kind_));
  list_anew(ListReason::Gone);
  return heard ? Next::Go : Next::RelistLater;
}

bool ListWatch::may_be_absent(ApiStatus status) const {
  if (is_custom(kind_)) return status == ApiStatus::NotFound || status == ApiStatus::Forbidden;
  return kind_ == Kind::IngressClass && !options_.watch_namespace.empty() &&
         status == ApiStatus::Forbidden;
}

/// What was known of a kind that is no more is gone; of one that may not be read it stays.
ListWatch::Next ListWatch::absent(const ApiReply& reply) {
  if (stopped()) return Next::Retry;
  SourceEvents events;
  if (reply.status == ApiStatus::NotFound) {
    events.removes.assign(known_.begin(), known_.end());
    known_.clear();
  }
  std::string line =
      resource_name(kind_) +
      (reply.status == ApiStatus::NotFound ? " is not there" : " may not be read by weir's role");
  if (line == reported_ && events.removes.empty()) return Next::Absent;
  util::log::info("{}; it is looked for now and then", line);
  reported_ = std::move(line);
  events.synced = {kind_};
  sink_(std::move(events));
  return Next::Absent;
}

ListWatch::Next ListWatch::failed(const ApiReply& reply, const char* verb) {
  if (stopped()) return Next::Retry;
  retry_after_ = reply.retry_after;
  std::string line = std::string(verb) + " of " + resource_name(kind_) + ": " + reply.detail;
  if (reply.status == ApiStatus::Forbidden) {
    const auto& ns = options_.watch_namespace;
    line += "; weir's role needs list and watch on " + resource_name(kind_) +
            (ns.empty() || kind_ == Kind::IngressClass ? " in the whole cluster"
                                                       : " in namespace " + ns);
  }
  // Said once, not at every try.
  if (line == reported_) {
    util::log::debug("{}", line);
  } else {
    util::log::warning("{}; trying again, what is known stays in use", line);
  }
  reported_ = std::move(line);
  return Next::Retry;
}

void ListWatch::succeeded() {
  if (!reported_.empty()) util::log::info("{} can be read again", resource_name(kind_));
  reported_.clear();
}

}  // namespace weir::kube
