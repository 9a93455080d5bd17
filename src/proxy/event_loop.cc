#include "proxy/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <system_error>

namespace weir::proxy {

namespace {

constexpr std::size_t kSlab = 256;
constexpr int kBatch = 256;

}  // namespace

EventLoop::EventLoop() {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

IoHandle* EventLoop::open(int fd, IoListener* listener) {
  if (free_.empty()) {
    auto& slab = slabs_.emplace_back(std::make_unique<IoHandle[]>(kSlab));
    for (std::size_t i = kSlab; i-- > 0;) free_.push_back(&slab[i]);
  }
  auto* io = free_.back();
  free_.pop_back();
  *io = IoHandle{.fd = fd, .listener = listener};
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = io;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
    ::close(fd);
    free_.push_back(io);
    return nullptr;
  }
  ++open_handles_;
  return io;
}

void EventLoop::close(IoHandle* io) {
  --open_handles_;
  ::close(io->fd);  // the kernel takes it out of the epoll set
  io->fd = -1;
  io->listener = nullptr;
  closed_.push_back(io);
}

int EventLoop::release(IoHandle* io) {
  --open_handles_;
  const int fd = io->fd;
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
  io->fd = -1;
  io->listener = nullptr;
  closed_.push_back(io);
  return fd;
}

void EventLoop::call_again(IoHandle* io) {
  again_.push_back(io);
}

void EventLoop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
    if (posted_.size() > 1) return;  // whoever came first has woken the loop
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

void EventLoop::run_posted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (auto& task : tasks) task();
}

void EventLoop::run_again() {
  // Whoever asks again while being called waits for the next turn.
  std::vector<IoHandle*> turn;
  turn.swap(again_);
  for (auto* io : turn) {
    if (io->listener != nullptr) io->listener->on_io(*io);
  }
}

void EventLoop::forget_closed() {
  // What asked to be called again has been closed since: forget it before the slot is reused.
  std::erase_if(again_, [](const IoHandle* io) { return io->listener == nullptr; });
  free_.insert(free_.end(), closed_.begin(), closed_.end());
  closed_.clear();
}

void EventLoop::trim() {
  // In order, the free handles of a slab stand together; a slab that has only those goes.
  std::ranges::sort(free_, std::less<>());
  std::erase_if(slabs_, [this](const std::unique_ptr<IoHandle[]>& slab) {
    const auto first = std::ranges::lower_bound(free_, slab.get(), std::less<>());
    const auto last = std::ranges::lower_bound(free_, slab.get() + kSlab, std::less<>());
    if (last - first != static_cast<std::ptrdiff_t>(kSlab)) return false;
    free_.erase(first, last);
    return true;
  });
  free_.shrink_to_fit();
  closed_.shrink_to_fit();
  again_.shrink_to_fit();
}

void EventLoop::run() {
  std::array<epoll_event, kBatch> events;
  while (!stopping_) {
    const int timeout = again_.empty() ? timers_.wait_ms() : 0;
    const int count = ::epoll_wait(epoll_, events.data(), kBatch, timeout);
    timers_.read_clock();
    ++turn_;
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      auto* io = static_cast<IoHandle*>(event.data.ptr);
      if (io == nullptr) {
        run_posted();
        continue;
      }
      if (io->listener == nullptr) continue;
      if ((event.events & EPOLLIN) != 0) {
        io->readable = true;
        io->drained = false;
      }
      if ((event.events & EPOLLOUT) != 0) io->writable = true;
      if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        io->readable = io->peer_closed = true;
        io->drained = false;
        if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) io->writable = true;
      }
      io->listener->on_io(*io);
    }
    timers_.expire();
    if (!again_.empty()) run_again();
    if (!closed_.empty()) forget_closed();
  }
}

}  // namespace weir::proxy
