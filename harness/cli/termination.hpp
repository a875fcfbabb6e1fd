#pragma once
/// SIGTERM to a rank that a batch system started: there is no process of ours around the ranks that
/// could complete the record afterwards.

#include <atomic>
#include <functional>
#include <thread>

namespace rackproof::harness::cli {

/// Blocks SIGTERM in this thread and those that it starts: call before any other thread exists.
void block_termination();

/// While it lives, SIGTERM (blocked before) calls `on_termination` in a thread of its own; that
/// ends the process.
class TerminationWatch {
 public:
  explicit TerminationWatch(std::function<void()> on_termination);
  ~TerminationWatch();
  TerminationWatch(const TerminationWatch&) = delete;
  TerminationWatch& operator=(const TerminationWatch&) = delete;

 private:
  std::function<void()> on_termination_;
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;
};

}  // namespace rackproof::harness::cli
