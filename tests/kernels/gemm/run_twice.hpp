#pragma once
/// Split sums are right and repeatable: launched twice, the second result equal to the first bit by
/// bit.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "runtime/device_buffer.hpp"
#include "runtime/stream.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace rackproof::kernels::gemm {

inline void expect_right_twice(const GemmProblem& problem, const GemmKernel& kernel,
                               const KSplit& split) {
  // Two buffer sets: the second launch finds the counters as the first one left them, and an
  // output that nobody wrote.
  const PrepareOptions options{.seed = 42, .rotate_beyond_bytes = problem.footprint_bytes()};
  const auto workload = make_gemm_workload(problem, options, kernel, split);
  ASSERT_EQ(workload->buffer_sets(), 2);
  EXPECT_EQ(workload->resources().spill_bytes_per_thread, 0);
  const std::string name = problem.name() + " by " + workload->resources().kernel;
  const runtime::Stream stream;
  std::vector<std::byte> first;
  for (int launch = 0; launch < 2; ++launch) {
    workload->launch(stream.get());
    if (launch == 0) {
      const Verification result = workload->verify(stream.get());
      EXPECT_TRUE(result.passed) << name << ": " << tests::describe(result);
    }
    RACKPROOF_CUDA(cudaStreamSynchronize(stream.get()));
    const OutputView output = workload->output();
    std::vector<std::byte> bytes(output.elements * output.element_bytes);
    RACKPROOF_CUDA(cudaMemcpy(bytes.data(), output.data, bytes.size(), cudaMemcpyDeviceToHost));
    EXPECT_TRUE(launch == 0 || bytes == first) << name << ": launches differ";
    first = std::move(bytes);
  }
}

}  // namespace rackproof::kernels::gemm
