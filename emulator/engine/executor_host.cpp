// Host functions run on a thread of their own: they may call CUDA, and take their time.
#include "emulator/engine/executor.hpp"
#include "emulator/exec/own_threads.hpp"

#include <thread>
#include <utility>

namespace rackproof::emulator::engine {

void Executor::run_host_function(std::function<void()> function) {
  const std::scoped_lock lock(host_mutex_);
  if (!has_host_worker_) {
    has_host_worker_ = true;
    std::thread([this] {
      exec::name_own_thread();
      host_worker();
    }).detach();
  }
  host_functions_.push_back(std::move(function));
  host_work_.notify_one();
}

void Executor::host_worker() {
  std::unique_lock lock(host_mutex_);
  for (;;) {
    host_work_.wait(lock, [this] { return !host_functions_.empty(); });
    std::vector<std::function<void()>> batch;
    batch.swap(host_functions_);
    lock.unlock();
    for (const auto& function : batch) {
      function();
      wake();
    }
    lock.lock();
  }
}

}  // namespace rackproof::emulator::engine
