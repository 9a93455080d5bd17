#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "proxy/subrequest.h"
#include "proxy/worker_state.h"

namespace weir::proxy {

/// A copy of a request on its way to somebody else (mirror-target). What of the body passes by is
/// copied, up to a limit; the copy goes out when the body is whole, and nobody waits for it.
class MirrorCopy {
 public:
  static constexpr std::size_t kMostBody = 64 * 1024;
  /// Under way, per worker; others are left out.
  static constexpr std::size_t kMostUnderWay = 256;

  /// `what` has the whole head in `bytes`.
  MirrorCopy(WorkerState& worker, Subrequest::What what)
      : worker_(worker), what_(std::move(what)) {}
  /// One that has not gone out by now is left out.
  ~MirrorCopy();
  MirrorCopy(const MirrorCopy&) = delete;
  MirrorCopy& operator=(const MirrorCopy&) = delete;

  /// The next bytes of the body, as they are framed.
  void add_body(std::span<const char> bytes);
  /// The body is whole. Later calls do nothing.
  void send();

 private:
  WorkerState& worker_;
  Subrequest::What what_;
  std::size_t body_ = 0;
  bool is_over_ = false;  // sent, or left out
};

}  // namespace weir::proxy
