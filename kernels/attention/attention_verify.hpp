#pragma once
/// Compares an attention output with its reference: all elements, always.
///
/// Up to kHostMultiplyAdds the reference is reference_row() on the host. Beyond, it is the float64
/// oracle kernel on the device, which is itself compared with reference_row() on a sample of rows:
/// the first and the last of the problem and rows spread evenly over heads and query tiles, at
/// every position within a tile in turn.

#include "kernels/attention/arguments.hpp"

#include <cstddef>
#include <vector>

namespace rackproof::kernels::attention {

/// Work (visible pairs x head_dim) that the host does itself: about a second on one core.
inline constexpr double kHostMultiplyAdds = 0x1p28;

/// The arrays of one problem as they lie in device memory.
struct HostArrays {
  std::vector<std::byte> q;
  std::vector<std::byte> k;
  std::vector<std::byte> v;
  std::vector<std::byte> o;
  std::vector<float> lse;
};

/// `arguments`: the device arrays that `arrays` was copied from, for the oracle; unused while the
/// host does the work. `host_multiply_adds`: where the oracle takes over.
[[nodiscard]] Verification verify_output(const AttentionProblem& problem, const HostArrays& arrays,
                                         const AttentionArguments& arguments, cudaStream_t stream,
                                         double host_multiply_adds = kHostMultiplyAdds);

}  // namespace rackproof::kernels::attention
