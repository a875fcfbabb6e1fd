#pragma once
/// A backward problem on a device: buffers, launches, verification.

#include "kernels/attention/backward/backward_arguments.hpp"
#include "kernels/attention/backward/backward_verify.hpp"
#include "runtime/device_buffer.hpp"

#include <cstddef>
#include <vector>

namespace rackproof::kernels::attention::backward {

class BackwardWorkload final : public Workload {
 public:
  /// O and lse come from the forward kernel. The sequences of a packed batch are launched one after
  /// the other. `sum_dq`: dQ by atomics along with dK and dV; else in
  /// a fixed order by a kernel of its own.
  BackwardWorkload(const BackwardProblem& problem, bool sum_dq, const PrepareOptions& options);

  void launch(cudaStream_t stream) override;
  [[nodiscard]] int buffer_sets() const override { return static_cast<int>(sets_.size()); }
  [[nodiscard]] KernelResources resources() const override;
  /// dQ, dK, dV, one behind the other.
  [[nodiscard]] OutputView output() override;
  [[nodiscard]] Verification verify(cudaStream_t stream) override;
  /// The arrays of the most recent launch; the device must be idle.
  [[nodiscard]] HostArrays download() const;
  [[nodiscard]] Verification verify_beyond(double host_pairs, cudaStream_t stream);

 private:
  struct BufferSet {
    runtime::DeviceBuffer<std::byte> q;
    runtime::DeviceBuffer<std::byte> k;
    runtime::DeviceBuffer<std::byte> v;
    runtime::DeviceBuffer<std::byte> o;
    runtime::DeviceBuffer<std::byte> d_o;
    runtime::DeviceBuffer<float> lse;
    runtime::DeviceBuffer<std::byte> gradients;
  };
  [[nodiscard]] BufferSet make_set(std::uint64_t seed) const;
  [[nodiscard]] KernelChoice choice() const;
  [[nodiscard]] std::vector<BackwardArguments> launches_of(BufferSet& set);

  BackwardProblem problem_;
  bool sum_dq_;
  runtime::DeviceBuffer<RowStatistics> statistics_;
  runtime::DeviceBuffer<float> dq_sums_;  ///< empty unless sum_dq
  std::vector<BufferSet> sets_;
  std::size_t last_set_ = 0;  ///< of the most recent launch
  std::size_t next_set_ = 0;
};

}  // namespace rackproof::kernels::attention::backward
