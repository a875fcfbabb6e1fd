#pragma once
/// Which operations of streams happened before which: stream order, events, and what the host
/// waited for.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace rackproof::emulator::check {

/// For each stream the number of its operations that happened before.
class OperationClock {
 public:
  void note(std::uint64_t stream, std::uint64_t sequence) {
    for (auto& [known, upto] : streams_) {
      if (known == stream) {
        upto = std::max(upto, sequence);
        return;
      }
    }
    streams_.emplace_back(stream, sequence);
  }
  void join(const OperationClock& other) {
    for (const auto& [stream, sequence] : other.streams_) {
      note(stream, sequence);
    }
  }
  [[nodiscard]] bool knows(std::uint64_t stream, std::uint64_t sequence) const {
    return std::any_of(streams_.begin(), streams_.end(), [&](const auto& entry) {
      return entry.first == stream && entry.second >= sequence;
    });
  }

 private:
  std::vector<std::pair<std::uint64_t, std::uint64_t>> streams_;
};

/// An operation: number `sequence` of its stream, after all that `before` holds. Sequence 0: it is
/// ordered after everything so far (there are no streams).
struct OperationOrder {
  std::uint64_t stream = 0;
  std::uint64_t sequence = 0;
  OperationClock before;
};

}  // namespace rackproof::emulator::check
