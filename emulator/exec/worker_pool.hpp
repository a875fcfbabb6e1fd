#pragma once
/// Host threads that run CTAs side by side; started when first needed, never ended.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>

namespace rackproof::emulator::exec {

class WorkerPool {
 public:
  /// Leaked: its threads outlive main().
  static WorkerPool& instance();

  /// Calls task(index, worker) for every index below `count` on the calling thread (worker 0) and
  /// up to `threads` - 1 others; returns when all are done. One caller at a time; tasks must not
  /// throw.
  void run(std::size_t threads, std::size_t count,
           const std::function<void(std::size_t, std::size_t)>& task);

 private:
  void work(std::size_t worker);
  void take_tasks(std::size_t worker);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::size_t started_ = 1;            ///< workers, with the caller
  std::size_t wanted_ = 0;             ///< workers of the present run; guarded by mutex_
  std::atomic<std::size_t> epoch_{0};  ///< counts runs
  std::atomic<std::size_t> next_{0};   ///< the next task
  std::atomic<std::size_t> busy_{0};   ///< workers that have not finished the present run
  std::size_t count_ = 0;
  const std::function<void(std::size_t, std::size_t)>* task_ = nullptr;
};

}  // namespace rackproof::emulator::exec
