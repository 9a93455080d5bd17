#include "proxy_control/state_writer.h"

#include <optional>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "util/log.h"

namespace weir::proxy_control {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Saved = util::Result<StateFile::Secrets>;

class StateWriter::Writer {
 public:
  Writer(asio::io_context& io, StateFile file, Snapshot snapshot, ControlCounters& counters,
         Pace pace)
      : io_(io),
        timer_(io),
        file_(std::move(file)),
        snapshot_(std::move(snapshot)),
        counters_(counters),
        pace_(pace) {}

  ~Writer() { thread_.join(); }

  void schedule() {
    due_ = true;
    wait();
  }

  void finish() {
    thread_.join();  // the write that runs, if one does
    if (due_) note(file_.save(snapshot_()()));
    due_ = false;
  }

 private:
  void wait() {
    if (waiting_ || writing_) return;
    waiting_ = true;
    timer_.expires_at(not_before_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) write();
    });
  }

  void write() {
    waiting_ = false;
    due_ = false;
    writing_ = true;
    asio::post(thread_, [this, content = snapshot_()] {
      auto saved = file_.save(content());
      asio::post(io_, [this, saved = std::move(saved)] {
        writing_ = false;
        note(saved);
        if (due_) wait();
      });
    });
  }

  void note(const Saved& saved) {
    if (!saved) {
      ++counters_.state_failures;
      util::log::warning("state file not written: {}", saved.error().detail);
      not_before_ = Clock::now() + pace_.after_failure;
      due_ = true;
      return;
    }
    ++counters_.state_writes;
    not_before_ = Clock::now() + pace_.between;
    if (*saved == StateFile::Secrets::LeftOut && !std::exchange(told_left_out_, true)) {
      util::log::warning(
          "state file {}: certificates are left out, because private keys do not go onto a disk "
          "and "
          "the kernel's keyring takes no key to seal them; put --state-file on a memory file "
          "system",
          file_.path());
    }
  }

  asio::io_context& io_;
  asio::steady_timer timer_;
  StateFile file_;  // touched by thread_ while writing_, else by the control thread
  Snapshot snapshot_;
  ControlCounters& counters_;
  Pace pace_;
  Clock::time_point not_before_ = Clock::time_point::min();
  bool due_ = false;
  bool waiting_ = false;
  bool writing_ = false;
  bool told_left_out_ = false;
  asio::thread_pool thread_{1};
};

StateWriter::StateWriter(asio::io_context& io, StateFile file, Snapshot snapshot,
                         ControlCounters& counters, Pace pace)
    : writer_(std::make_unique<Writer>(io, std::move(file), std::move(snapshot), counters, pace)) {}

StateWriter::~StateWriter() = default;

void StateWriter::schedule() {
  writer_->schedule();
}

void StateWriter::finish() {
  writer_->finish();
}

}  // namespace weir::proxy_control
