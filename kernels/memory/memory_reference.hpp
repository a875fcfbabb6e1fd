#pragma once
/// Expected results of the memory patterns, and their comparison, block by block of the arrays.

#include "kernels/memory/memory.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace rackproof::kernels::memory {

/// Compares pieces of a stream's output bit by bit. Every pattern rounds once, as IEEE 754 defines,
/// so the host computes the same bits: nothing is allowed to differ.
class StreamComparison {
 public:
  /// `seed` is that of written_word().
  explicit StreamComparison(const MemoryProblem& problem, std::uint32_t seed = 0)
      : problem_(problem), seed_(seed) {}
  /// `first` is the index of the piece's first value. T is float or double as the problem says;
  /// `b` and `c` are empty where the pattern has none.
  template <typename T>
  void compare(std::uint64_t first, std::span<const T> a, std::span<const T> b,
               std::span<const T> c);
  [[nodiscard]] Verification finish() const;

 private:
  const MemoryProblem& problem_;
  std::uint32_t seed_;
  Verification result_;
};

/// The read patterns: thread t of `blocks` * `threads` sums vectors t, t + T, ... of four words.
class ReadComparison {
 public:
  ReadComparison(std::uint64_t blocks, std::uint64_t threads)
      : threads_(threads), expected_(blocks, 0) {}
  /// Adds the words from index `first` (a multiple of 4) on to the sums of their blocks.
  void add(std::uint64_t first, std::span<const std::uint32_t> words);
  /// `rounds` passes, in each of which a block reads what its successor read in the one before.
  [[nodiscard]] Verification finish(std::span<const std::uint32_t> partials,
                                    std::uint64_t rounds = 1) const;

 private:
  std::uint64_t threads_;
  std::vector<std::uint32_t> expected_;
};

/// The order in which a chase visits its nodes: a uniformly random cycle through all of them
/// (Fisher and Yates; Durstenfeld 1964), the same on every host.
[[nodiscard]] std::vector<std::uint32_t> random_cycle(std::uint64_t nodes, std::uint64_t seed);

/// The chase ended at address `actual`; the node that it should have reached lies at `expected`.
[[nodiscard]] Verification compare_chase_end(std::uint64_t expected, std::uint64_t actual,
                                             std::uint64_t nodes_address);

}  // namespace rackproof::kernels::memory
