#include "emulator/exec/worker_pool.hpp"

#include "emulator/exec/own_threads.hpp"

#include <thread>

namespace rackproof::emulator::exec {
namespace {

// Rounds follow each other at once: looking for the next one a few microseconds long is cheaper
// than to sleep and to be woken.
constexpr int kSpins = 2000;

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

WorkerPool& WorkerPool::instance() {
  static auto* const pool = new WorkerPool;
  return *pool;
}

void WorkerPool::run(std::size_t threads, std::size_t count,
                     const std::function<void(std::size_t, std::size_t)>& task) {
  {
    const std::scoped_lock lock(mutex_);
    for (; started_ < threads; ++started_) {
      std::thread([this, worker = started_] {
        name_own_thread();
        work(worker);
      }).detach();
    }
    count_ = count;
    task_ = &task;
    wanted_ = threads;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(threads - 1, std::memory_order_relaxed);
    epoch_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  take_tasks(0);
  for (int spin = 0; busy_.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins) {
      pause_briefly();
    } else {
      std::this_thread::yield();
    }
  }
}

void WorkerPool::take_tasks(std::size_t worker) {
  for (;;) {
    const std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) {
      return;
    }
    (*task_)(index, worker);
  }
}

void WorkerPool::work(std::size_t worker) {
  std::size_t seen = 0;
  for (;;) {
    for (int spin = 0; spin < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spin) {
      pause_briefly();
    }
    bool takes_part = false;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return epoch_.load(std::memory_order_relaxed) != seen; });
      seen = epoch_.load(std::memory_order_relaxed);
      takes_part = worker < wanted_;
    }
    if (takes_part) {
      take_tasks(worker);
      busy_.fetch_sub(1, std::memory_order_release);
    }
  }
}

}  // namespace rackproof::emulator::exec
