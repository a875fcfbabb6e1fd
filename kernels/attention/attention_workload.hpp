#pragma once
/// An attention problem on a device: buffers, launches, verification.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/attention_launch.hpp"
#include "kernels/attention/implementations.hpp"
#include "runtime/device_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rackproof::kernels::attention {

class AttentionWorkload final : public Workload {
 public:
  AttentionWorkload(const Implementation& implementation, const AttentionProblem& problem,
                    const PrepareOptions& options);

  void launch(cudaStream_t stream) override;
  [[nodiscard]] int buffer_sets() const override { return static_cast<int>(sets_.size()); }
  [[nodiscard]] KernelResources resources() const override;
  /// O; the log-sum-exp is verified with it but not part of the view.
  [[nodiscard]] OutputView output() override;
  [[nodiscard]] Verification verify(cudaStream_t stream) override;
  /// verify() with another limit to what the host does itself (see attention_verify.hpp).
  [[nodiscard]] Verification verify_beyond(double host_multiply_adds, cudaStream_t stream);

 private:
  struct BufferSet {
    runtime::DeviceBuffer<std::byte> q;
    runtime::DeviceBuffer<std::byte> k;
    runtime::DeviceBuffer<std::byte> v;
    runtime::DeviceBuffer<std::byte> o;
    runtime::DeviceBuffer<float> lse;
    SequenceTables tables;
  };
  [[nodiscard]] AttentionArguments arguments_of(BufferSet& set) const;
  [[nodiscard]] BufferSet make_set() const;

  const Implementation& implementation_;
  AttentionProblem problem_;
  AttentionLaunch launch_;
  std::vector<BufferSet> sets_;
  std::size_t last_set_ = 0;  ///< of the most recent launch
  std::size_t next_set_ = 0;
};

}  // namespace rackproof::kernels::attention
