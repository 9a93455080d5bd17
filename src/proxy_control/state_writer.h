#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy_control/control_counters.h"
#include "proxy_control/state_file.h"

namespace boost::asio {
class io_context;
}

namespace weir::proxy_control {

/// Keeps the state file as new as the table, on a thread of its own: a change is written at once,
/// but not within a second of the write before. A write that failed is logged, counted and tried
/// again.
///
/// For the control thread; the counters outlive it.
class StateWriter {
 public:
  /// What to write, as the thread that writes asks for it.
  using Content = std::function<std::vector<table::EncodedResource>()>;
  using Snapshot = std::function<Content()>;

  struct Pace {
    std::chrono::milliseconds between{1'000};
    std::chrono::milliseconds after_failure{10'000};
  };

  /// `snapshot` is called on the control thread.
  StateWriter(boost::asio::io_context& io, StateFile file, Snapshot snapshot,
              ControlCounters& counters, Pace pace);
  ~StateWriter();

  /// The table has changed.
  void schedule();
  /// Writes what is not written yet, and returns when it is. The io_context does not run any more.
  void finish();

 private:
  class Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace weir::proxy_control
