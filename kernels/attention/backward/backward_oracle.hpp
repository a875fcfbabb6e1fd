#pragma once
/// The gradients in float64 on the device, for problems too large for the host.
///
/// Independent of the kernels: one CTA a query row (dQ), then one a key (dK, dV), scalar float64,
/// no tiles, no tensor cores; lse and D are its own, D from the O that was stored.

#include "kernels/attention/backward/backward_arguments.hpp"
#include "kernels/attention/backward/backward_tolerance.hpp"
#include "runtime/device_buffer.hpp"

#include <cuda_runtime_api.h>

#include <vector>

namespace rackproof::kernels::attention::backward {

/// What the second kernel, and the host's sample of it, need of a query row.
struct OracleRow {
  double lse = 0;
  double delta = 0;
  RowErrors errors{};
};

/// One (batch, key/value head) of a launch: its query rows, group x q_len, and its keys.
struct OracleGroup {
  std::vector<OracleRow> rows;
  std::vector<ElementSums> dq;  ///< [row][head_dim]
  std::vector<ElementSums> dk;  ///< [key][head_dim]
  std::vector<ElementSums> dv;
};

class BackwardOracle {
 public:
  /// `arguments`: one launch, which must outlive the object.
  BackwardOracle(const BackwardProblem& problem, const BackwardArguments& arguments);
  /// `batch`: within the launch. Synchronises.
  [[nodiscard]] OracleGroup group(std::int64_t batch, std::int64_t kv_head, const ErrorModel& model,
                                  cudaStream_t stream);

 private:
  const BackwardProblem& problem_;
  const BackwardArguments& arguments_;
  runtime::DeviceBuffer<OracleRow> rows_;
  runtime::DeviceBuffer<ElementSums> dq_;
  runtime::DeviceBuffer<ElementSums> dk_;
  runtime::DeviceBuffer<ElementSums> dv_;
};

}  // namespace rackproof::kernels::attention::backward
