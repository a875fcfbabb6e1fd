#pragma once
/// Time of one core, or of the wall clock where several are used.

#include <cstdlib>
#include <ctime>
#include <string_view>

namespace rackproof::bench {

/// With RACKPROOF_EMULATOR_THREADS=1 it counts the processor time of the whole process, which is
/// what one core of its own would take however busy the host is; else the wall clock.
class Stopwatch {
 public:
  [[nodiscard]] double seconds() const { return now() - start_; }

 private:
  [[nodiscard]] static double now() {
    static const clockid_t clock = [] {
      const char* const threads = std::getenv("RACKPROOF_EMULATOR_THREADS");
      const bool one = threads != nullptr && std::string_view(threads) == "1";
      return one ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    }();
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }
  double start_ = now();
};

}  // namespace rackproof::bench
