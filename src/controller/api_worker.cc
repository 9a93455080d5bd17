#include "controller/api_worker.h"

namespace weir::controller {

ApiWorker::ApiWorker(std::unique_ptr<kube::ApiClient> client)
    : client_(std::move(client)), thread_([this] { run(); }) {}

ApiWorker::~ApiWorker() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_all();
  client_->stop();
  thread_.join();
}

void ApiWorker::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.notify_all();
}

void ApiWorker::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_stopping_ || !tasks_.empty(); });
    if (is_stopping_) return;
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(*client_);
  }
}

}  // namespace weir::controller
