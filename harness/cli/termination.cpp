#include "harness/cli/termination.hpp"

#include <csignal>
#include <ctime>
#include <pthread.h>
#include <utility>

namespace rackproof::harness::cli {
namespace {

sigset_t termination_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

void block_termination() {
  const sigset_t set = termination_signal();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

TerminationWatch::TerminationWatch(std::function<void()> on_termination)
    : on_termination_(std::move(on_termination)), thread_([this] {
        const sigset_t set = termination_signal();
        constexpr timespec kPeriod{.tv_sec = 0, .tv_nsec = 200'000'000};
        while (!is_stopping_) {
          if (sigtimedwait(&set, nullptr, &kPeriod) == SIGTERM) {
            on_termination_();
            return;
          }
        }
      }) {}

TerminationWatch::~TerminationWatch() {
  is_stopping_ = true;
  thread_.join();
}

}  // namespace rackproof::harness::cli
