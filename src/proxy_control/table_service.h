#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "proxy_control/control_client.h"
#include "proxy_control/resolver.h"
#include "proxy_control/state_writer.h"
#include "proxy_control/table_holder.h"

namespace weir::proxy_control {

/// Where updates become the table that the workers run: from the controller, from the state file,
/// from DNS. Knows whether a complete table is live.
///
/// For the control thread. The io_context, the counters and what `adopt` calls outlive it.
class TableService : public ControlClient::Handler {
 public:
  /// As DataPlane::adopt: `done` is called once, on any thread, when every worker runs the delta.
  using Adopt =
      std::function<void(std::shared_ptr<const proxy::Delta> delta, std::function<void()> done)>;

  TableService(boost::asio::io_context& io, Adopt adopt, Resolver::Options dns,
               ControlCounters& counters);

  /// Without a file, nothing is kept. Call before the first update. If the file holds a table, that
  /// goes to the workers; a broken file is logged and passed over.
  void keep_state(StateFile file, StateWriter::Pace pace);
  /// Writes what is not yet written. The io_context does not run any more.
  void finish_state();

  /// True from when the first complete table is on every worker.
  bool is_live() const { return live_; }
  const TableHolder& holder() const { return holder_; }

  std::map<table::ResourceKey, util::ContentHash> held() const override { return holder_.held(); }
  std::vector<Refusal> apply(table::Update update, std::function<void()> live) override;

 private:
  std::vector<Refusal> adopt(const table::Update& update, std::function<void(bool)> done);
  void publish(std::shared_ptr<const table::Backend> backend);
  /// The update that `adopt` has had last. `is_good`: nothing of it was refused.
  void count(bool is_good);

  boost::asio::io_context& io_;
  Adopt adopt_;
  ControlCounters& counters_;
  TableHolder holder_;
  Resolver resolver_;
  std::unique_ptr<StateWriter> state_;
  bool live_ = false;
  bool changed_ = false;  // by the last `adopt`
};

}  // namespace weir::proxy_control
