#pragma once

#include <utility>
#include <vector>

#include "kube/source.h"

namespace weir::test {

/// What it tells is what the test says, on the test's thread.
class FakeSource : public kube::Source {
 public:
  void start(Sink sink) override { sink_ = std::move(sink); }
  void stop() override { is_stopped = true; }

  void tell(kube::SourceEvents events) const { sink_(std::move(events)); }
  template <class... Objects>
  void put(Objects... objects) const {
    kube::SourceEvents events;
    (events.upserts.push_back(std::move(objects)), ...);
    tell(std::move(events));
  }
  void sync(std::vector<kube::Kind> kinds = {kube::kObjectKinds.begin(),
                                             kube::kObjectKinds.end()}) const {
    kube::SourceEvents events;
    events.synced = std::move(kinds);
    tell(std::move(events));
  }

  bool is_stopped = false;

 private:
  Sink sink_;
};

}  // namespace weir::test
