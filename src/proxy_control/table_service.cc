#include "proxy_control/table_service.h"

#include <malloc.h>

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "util/log.h"

namespace weir::proxy_control {

namespace asio = boost::asio;

namespace {

/// Resources of an update that is worth giving memory back for: that takes some milliseconds.
constexpr std::size_t kLarge = 1'000;

}  // namespace

TableService::TableService(asio::io_context& io, Adopt adopt, Resolver::Options dns,
                           ControlCounters& counters)
    : io_(io),
      adopt_(std::move(adopt)),
      counters_(counters),
      resolver_(io, std::move(dns), counters,
                [this](auto backend) { publish(std::move(backend)); }) {}

void TableService::keep_state(StateFile file, StateWriter::Pace pace) {
  const std::string path = file.path();
  auto loaded = file.load();
  const auto snapshot = [this]() -> StateWriter::Content {
    return [taken = std::make_shared<const TableSnapshot>(holder_.snapshot())] {
      return taken->encode();
    };
  };
  state_ = std::make_unique<StateWriter>(io_, std::move(file), snapshot, counters_, pace);
  if (!loaded) {
    if (loaded.error().code == util::Error::Code::Unavailable) {
      util::log::info("state file not read: {}", loaded.error().detail);
    } else {
      ++counters_.state_failures;
      util::log::warning("state file {} {}; it is passed over", path, loaded.error().detail);
    }
    return;
  }
  if (!loaded->complete) {
    util::log::warning(
        "state file {}: the certificates could not be kept; not ready until the "
        "controller brings them",
        path);
  }
  const auto refusals =
      adopt(loaded->update,
            [this, complete = loaded->complete](bool /*changed*/) { live_ = live_ || complete; });
  util::log::info("state file {}: {} resources, {} refused", path, loaded->update.upserts.size(),
                  refusals.size());
}

void TableService::finish_state() {
  if (state_) state_->finish();
}

std::vector<Refusal> TableService::apply(table::Update update, std::function<void()> live) {
  const auto generation = update.generation;
  const auto begin = std::chrono::steady_clock::now();
  auto refusals = adopt(update, [this, generation, begin, live = std::move(live)](bool changed) {
    live_ = true;
    counters_.generation = generation;
    counters_.update_times.add(std::chrono::steady_clock::now() - begin);
    if (state_ && changed) state_->schedule();
    live();
  });
  count(refusals.empty());
  return refusals;
}

void TableService::count(bool is_good) {
  counters_.last_update_good = is_good;
  if (!is_good) {
    ++counters_.updates_rejected;
    return;
  }
  ++(changed_ ? counters_.updates_applied : counters_.updates_unchanged);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  counters_.last_good_update = std::chrono::duration<double>(now).count();
}

/// `done` is called on the control thread, and told whether anything is different now.
std::vector<Refusal> TableService::adopt(const table::Update& update,
                                         std::function<void(bool)> done) {
  auto change = holder_.apply(update);
  for (const auto& name : change.delta->removed_backends) resolver_.forget(name);
  for (auto& backend : change.delta->backends) backend = resolver_.follow(std::move(backend));
  for (const auto& refusal : change.refusals) {
    util::log::warning("{} refused: {}", table::to_string(refusal.key), refusal.reason);
  }
  counters_.resources = holder_.counts();
  counters_.table_fingerprint = holder_.fingerprint();
  changed_ = change.changed;
  counters_.resources_refused += change.refusals.size();
  const bool is_large = update.upserts.size() >= kLarge;
  // The workers may end after this object, but not after the io_context.
  adopt_(std::move(change.delta),
         [&io = io_, is_large, changed = change.changed, done = std::move(done)] {
           asio::post(io, [changed, done] { done(changed); });
           // What the update itself took lies in pieces below what has come to stay: as much again
           // of memory, which malloc would not give back. After the Ack.
           if (is_large) asio::post(io, [] { ::malloc_trim(0); });
         });
  return std::move(change.refusals);
}

void TableService::publish(std::shared_ptr<const table::Backend> backend) {
  auto delta = std::make_shared<proxy::Delta>();
  delta->backends.push_back(std::move(backend));
  adopt_(std::move(delta), [] {});
}

}  // namespace weir::proxy_control
