#pragma once
/// The pause between two looks at something that another rank must finish.

#include <algorithm>
#include <chrono>
#include <thread>

namespace rackproof::collectives {

/// Yields at first, since most waits are short, then sleeps longer and longer: ranks may share
/// cores, and device time is taken by events, so a late look costs no accuracy.
class PollPause {
 public:
  void operator()() {
    if (looks_++ < kYields) {
      std::this_thread::yield();
      return;
    }
    std::this_thread::sleep_for(sleep_);
    sleep_ = std::min(sleep_ * 2, kLongestSleep);
  }

 private:
  using Duration = std::chrono::microseconds;
  static constexpr int kYields = 20;
  static constexpr Duration kLongestSleep{500};

  int looks_ = 0;
  Duration sleep_{10};
};

}  // namespace rackproof::collectives
