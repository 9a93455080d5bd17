#pragma once

#include <chrono>
#include <string>

#include "kube/problem.h"

namespace weir::controller {

/// Who writes: `reportingController` is "weir.dev/ingress", the instance is this Pod.
struct EventOrigin {
  std::string instance;
};

/// The name of the Event about `problem` that is written at `time`.
std::string event_name(const kube::Problem& problem, std::chrono::system_clock::time_point time);

/// An Event of events.k8s.io/v1, type Warning, on the object of `problem`; JSON. `uid` is the
/// object's, by which `kubectl describe` finds it; empty: not known. Texts are cut to what the API
/// takes.
std::string make_event(const kube::Problem& problem, const std::string& uid,
                       const EventOrigin& origin, std::chrono::system_clock::time_point time);

/// A merge patch for an Event: the problem was there `count` times, the last time at `last`.
std::string make_series(std::size_t count, std::chrono::system_clock::time_point last);

/// Where it is posted. Events of objects without a namespace are in "default", as with kubectl.
std::string event_target(const kube::Problem& problem);

}  // namespace weir::controller
