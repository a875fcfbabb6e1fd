#pragma once
/// Device memory of one GEMM workload: one or more sets of A, B, C and D.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_verify.hpp"
#include "runtime/device_buffer.hpp"

#include <cstddef>
#include <vector>

namespace rackproof::kernels::gemm {

class GemmBuffers {
 public:
  struct Set {
    runtime::DeviceBuffer<std::byte> a;
    runtime::DeviceBuffer<std::byte> b;
    runtime::DeviceBuffer<std::byte> c;  ///< empty if beta is 0
    runtime::DeviceBuffer<std::byte> d;
    runtime::DeviceBuffer<std::byte> a_scales;  ///< these two of block-scaled types
    runtime::DeviceBuffer<std::byte> b_scales;
  };

  /// Allocates on the current device. All sets hold the same inputs; D starts as NaN (int32: as a
  /// number that no sum reaches), so that an element that no kernel wrote is found.
  GemmBuffers(const GemmProblem& problem, const PrepareOptions& options);

  [[nodiscard]] int count() const { return static_cast<int>(sets_.size()); }
  /// The set of the most recent launch.
  [[nodiscard]] Set& current() { return sets_[current_]; }
  /// Makes the next set current and returns it.
  Set& advance();

  [[nodiscard]] OutputView output();
  /// Readers of the current set; the device must be idle.
  [[nodiscard]] GemmData data();

 private:
  GemmProblem problem_;
  std::vector<Set> sets_;
  std::size_t current_ = 0;
};

}  // namespace rackproof::kernels::gemm
