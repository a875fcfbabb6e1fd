#pragma once
/// The clusters of a grid that have not begun, by their index; the lowest begins first.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

class ClusterQueue {
 public:
  explicit ClusterQueue(std::uint64_t total = 0) : total_(total) {}

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t size() const { return returned_.size() + (total_ - taken_); }
  [[nodiscard]] bool empty() const { return size() == 0; }
  std::uint64_t take() {
    if (returned_.empty()) {
      return taken_++;
    }
    const std::uint64_t index = returned_.back();
    returned_.pop_back();
    return index;
  }
  /// They were taken, and have not begun.
  void give_back(const std::vector<std::uint64_t>& clusters) {
    returned_.insert(returned_.end(), clusters.begin(), clusters.end());
    std::sort(returned_.rbegin(), returned_.rend());
  }

 private:
  std::uint64_t total_;
  std::uint64_t taken_ = 0;              ///< clusters below it were taken
  std::vector<std::uint64_t> returned_;  ///< the lowest last
};

}  // namespace rackproof::emulator::exec
