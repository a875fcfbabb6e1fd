#pragma once
/// A decode problem on a device: cache, page table, schedule, launches, verification.

#include "kernels/attention/decode/decode_arguments.hpp"
#include "runtime/device_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rackproof::kernels::attention::decode {

class DecodeWorkload final : public Workload {
 public:
  /// `split_keys`: forces the length of a split, for tests; 0: as the device suggests.
  DecodeWorkload(const DecodeProblem& problem, const PrepareOptions& options,
                 std::int64_t split_keys = 0);

  void launch(cudaStream_t stream) override;
  [[nodiscard]] int buffer_sets() const override { return static_cast<int>(sets_.size()); }
  [[nodiscard]] KernelResources resources() const override;
  /// O; the log-sum-exp is verified with it but not part of the view.
  [[nodiscard]] OutputView output() override;
  /// Gathers the pages on the host and compares with attention over contiguous keys
  /// (attention_verify.hpp).
  [[nodiscard]] Verification verify(cudaStream_t stream) override;
  [[nodiscard]] Verification verify_beyond(double host_multiply_adds, cudaStream_t stream);

  [[nodiscard]] const DecodeSchedule& schedule() const noexcept { return schedule_; }

 private:
  struct BufferSet {
    runtime::DeviceBuffer<std::byte> q;
    runtime::DeviceBuffer<std::byte> k_cache;
    runtime::DeviceBuffer<std::byte> v_cache;
    runtime::DeviceBuffer<std::byte> o;
    runtime::DeviceBuffer<float> lse;
    runtime::DeviceBuffer<std::int32_t> kv_lens;
    runtime::DeviceBuffer<std::int32_t> page_table;
  };
  [[nodiscard]] BufferSet make_set(std::uint64_t seed) const;
  [[nodiscard]] DecodeArguments arguments_of(BufferSet& set);
  [[nodiscard]] std::vector<std::byte> gathered(
      const runtime::DeviceBuffer<std::byte>& cache) const;

  DecodeProblem problem_;
  DecodeSchedule schedule_;
  std::vector<std::int32_t> page_table_;  ///< [sequence][max_pages]
  runtime::DeviceBuffer<DecodeItem> items_;
  runtime::DeviceBuffer<CombineItem> combines_;
  runtime::DeviceBuffer<float> partial_o_;
  runtime::DeviceBuffer<SplitStatistics> partial_statistics_;
  std::vector<BufferSet> sets_;
  std::size_t last_set_ = 0;  ///< of the most recent launch
  std::size_t next_set_ = 0;
};

}  // namespace rackproof::kernels::attention::decode
