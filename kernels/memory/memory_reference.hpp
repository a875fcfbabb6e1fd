#pragma once
/// Expected results of the memory patterns, and their comparison, block by block of the arrays.

#include "kernels/memory/memory.hpp"

#include <span>
#include <vector>

namespace rackproof::kernels::memory {

/// Compares a piece of a = b (bit by bit) or a = b + s * c with float64. `first` is the index of
/// the piece's first value. The triad's single rounding of the fused multiply-add is off by at most
/// 2^-24 of the result; `max_error` counts in that bound.
class StreamComparison {
 public:
  explicit StreamComparison(const MemoryProblem& problem) : problem_(problem) {}
  void compare(std::uint64_t first, std::span<const float> a, std::span<const float> b,
               std::span<const float> c);
  [[nodiscard]] Verification finish() const;

 private:
  const MemoryProblem& problem_;
  Verification result_;
};

/// The read pattern: thread t of `blocks` * `threads` sums vectors t, t + T, ... of four words.
class ReadComparison {
 public:
  ReadComparison(std::uint64_t blocks, std::uint64_t threads)
      : threads_(threads), expected_(blocks, 0) {}
  /// Adds the words from index `first` (a multiple of 4) on to the sums of their blocks.
  void add(std::uint64_t first, std::span<const std::uint32_t> words);
  [[nodiscard]] Verification finish(std::span<const std::uint32_t> partials) const;

 private:
  std::uint64_t threads_;
  std::vector<std::uint32_t> expected_;
};

}  // namespace rackproof::kernels::memory
