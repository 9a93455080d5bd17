#pragma once

#include <future>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace weir::test {

/// An io_context on a thread of its own.
class IoThread {
 public:
  IoThread() : work_(io.get_executor()), thread_([this] { io.run(); }) {}
  ~IoThread() { stop(); }

  /// Before what the io_context's coroutines refer to goes away.
  void stop() {
    io.stop();
    if (thread_.joinable()) thread_.join();
  }

  /// Runs `what` there, and gives back what it returns.
  template <class What>
  auto run(What what) {
    std::packaged_task<decltype(what())()> task(std::move(what));
    auto result = task.get_future();
    boost::asio::post(io, [&task] { task(); });
    return result.get();
  }

  boost::asio::io_context io;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace weir::test
