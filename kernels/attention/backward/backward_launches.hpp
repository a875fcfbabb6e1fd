#pragma once
/// The launches of one problem: one of the whole batch, or one for each packed sequence.

#include "kernels/attention/backward/backward_arguments.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rackproof::kernels::attention::backward {

/// First elements of the arrays of a problem, in device memory.
struct BackwardArrays {
  const std::byte* q = nullptr;
  const std::byte* k = nullptr;
  const std::byte* v = nullptr;
  const std::byte* o = nullptr;
  const std::byte* d_o = nullptr;
  const float* lse = nullptr;
  std::byte* dq = nullptr;
  std::byte* dk = nullptr;
  std::byte* dv = nullptr;
  RowStatistics* statistics = nullptr;  ///< statistics_rows()
  float* dq_sums = nullptr;             ///< statistics_rows() x head_dim; nullptr: not summed
};

/// Whole query tiles of all heads and sequences.
[[nodiscard]] std::int64_t statistics_rows(const BackwardProblem& problem);
/// Where the statistics of a row of queries lie.
[[nodiscard]] std::int64_t statistics_index(const BackwardProblem& problem, std::int64_t batch,
                                            std::int64_t q_head, std::int64_t row);

[[nodiscard]] std::vector<BackwardArguments> make_launches(const BackwardProblem& problem,
                                                           const BackwardArrays& arrays);

}  // namespace rackproof::kernels::attention::backward
