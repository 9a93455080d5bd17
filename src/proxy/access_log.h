#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

/// The access log on its way out of the workers. A line costs a worker no lock, no syscall and, as
/// a rule, no allocation; where lines come faster than they are written, some are dropped and
/// counted.
namespace weir::proxy {

class AccessLog;

/// One worker's lines that are not written yet: a ring of bytes between that worker and whoever
/// writes.
class AccessLogBuffer {
 public:
  AccessLogBuffer(AccessLog& log, std::size_t bytes);

  // For the worker.
  /// Where the next line is put together; empty.
  std::string& begin_line();
  /// What is in it is a line. It goes out whole or, for want of room, not at all.
  void end_line();
  /// A request's target, or its path, as it may be logged: without its query, or with the values
  /// of secrets masked. Valid until the next call.
  std::string_view loggable(std::string_view target);

  // For the writer.
  /// Appends all lines to `to`.
  void take(std::string& to);
  /// Any thread.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  bool put(std::string_view line);

  AccessLog& log_;
  std::string line_;
  std::string target_;
  const std::size_t size_;
  const std::unique_ptr<char[]> ring_;
  // Bytes ever put and ever taken.
  alignas(64) std::atomic<std::uint64_t> put_{0};
  std::atomic<std::uint64_t> dropped_{0};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::atomic<bool> called_{false};  // for the writer, since it was here last
};

/// All workers' buffers. Outlives the workers and the writer.
class AccessLog {
 public:
  static constexpr std::size_t kBufferBytes = 1024 * 1024;

  /// `with_query`: queries are logged, with the values of secrets masked. `buffer_bytes`: a
  /// worker's.
  explicit AccessLog(bool with_query = false, std::size_t buffer_bytes = kBufferBytes);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Any thread.
  AccessLogBuffer& add_worker();
  bool with_query() const { return with_query_; }
  /// Ends the writer's wait.
  void call_writer();
  /// Lines for which there was no room.
  std::uint64_t dropped() const;

  // For the one writer.
  /// Until a buffer is half full, or somebody calls, or `writable` takes bytes (-1: none such).
  void wait(int writable, std::chrono::milliseconds most) const;
  /// Appends every worker's lines to `to`.
  void take(std::string& to);

 private:
  const bool with_query_;
  const std::size_t buffer_bytes_;
  int wake_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<AccessLogBuffer>> buffers_;  // guarded by mutex_
};

/// Appends `query` (what stands behind '?') with "***" for the values of names that tell a secret:
/// "token", "X-Amz-Signature", "authToken", "user[password]" (RFC 3986 §3.4 knows no names; these
/// are those of forms).
void append_masked_query(std::string& out, std::string_view query);

}  // namespace weir::proxy
