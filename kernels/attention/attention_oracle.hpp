#pragma once
/// The float64 definition of attention on the device, for outputs too large for the host.
///
/// A second, independent kernel: one CTA a query row, scalar float64 arithmetic, two passes over
/// the keys, no tiles, no tensor cores, no online rescaling. Its rows are spot-checked against
/// reference_row() on the host wherever it is used.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/attention_reference.hpp"
#include "runtime/device_buffer.hpp"

#include <cuda_runtime_api.h>

#include <vector>

namespace rackproof::kernels::attention {

class DeviceOracle {
 public:
  /// Rows that one call computes at most.
  static constexpr std::int64_t kMaxRows = 1024;

  /// `arguments` must stay valid; only its inputs are read.
  DeviceOracle(const AttentionProblem& problem, const AttentionArguments& arguments);

  /// Rows [first_row, first_row + count) of one (batch, query head). Synchronises.
  [[nodiscard]] std::vector<ReferenceRow> rows(std::int64_t batch, std::int64_t q_head,
                                               std::int64_t first_row, std::int64_t count,
                                               cudaStream_t stream);

 private:
  const AttentionProblem& problem_;
  const AttentionArguments& arguments_;
  runtime::DeviceBuffer<double> output_;      ///< kMaxRows x head_dim
  runtime::DeviceBuffer<double> squares_;     ///< kMaxRows x head_dim
  runtime::DeviceBuffer<double> statistics_;  ///< kMaxRows x (maximum, sum of weights)
};

}  // namespace rackproof::kernels::attention
