#pragma once
/// Compares gradients with their reference: all elements, always.
///
/// Up to kHostPairs the reference is row_weights() on the host. Beyond, it is the float64 oracle on
/// the device (backward_oracle.hpp), itself compared with the host's definition on a sample of
/// query rows and keys.

#include "kernels/attention/backward/backward_arguments.hpp"

#include <cstddef>
#include <vector>

namespace rackproof::kernels::attention::backward {

/// Work (visible pairs x head_dim x query heads) that the host does itself: about a second.
inline constexpr double kHostPairs = 0x1p26;

/// The arrays of one problem as they lie in device memory.
struct HostArrays {
  std::vector<std::byte> q;
  std::vector<std::byte> k;
  std::vector<std::byte> v;
  std::vector<std::byte> o;
  std::vector<std::byte> d_o;
  std::vector<RowStatistics> statistics;  ///< as statistics_index() says
  std::vector<std::byte> gradients;       ///< dQ, dK, dV, one behind the other
};

/// Beside the elements, what hides below their tolerances:
///   O as it was stored, on the rows that the host computes (a wrong O would make D wrong)
///   D of every query row, as the preprocessing kernel has left it
///   on the host: the errors of all of dQ and of all of dK, projected on what they would be if D
///   were wrong by a factor (backward_projection.hpp)
/// `launches`: the device arrays that `arrays` was copied from, for the oracle. `host_pairs`: where
/// the oracle takes over.
[[nodiscard]] Verification verify_gradients(const BackwardProblem& problem,
                                            const HostArrays& arrays,
                                            const std::vector<BackwardArguments>& launches,
                                            cudaStream_t stream, double host_pairs = kHostPairs);

}  // namespace rackproof::kernels::attention::backward
