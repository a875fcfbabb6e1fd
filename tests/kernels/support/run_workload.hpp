#pragma once
/// Runs a problem of an operation on the current device and verifies it, as the harness does.

#include "kernels/operation.hpp"
#include "runtime/device_buffer.hpp"
#include "runtime/stream.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace rackproof::tests {

inline kernels::ComputeCapability device_compute_capability() {
  int device = 0;
  kernels::ComputeCapability cc;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&cc.major, cudaDevAttrComputeCapabilityMajor, device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&cc.minor, cudaDevAttrComputeCapabilityMinor, device));
  return cc;
}

/// Throws std::runtime_error with the reason if no variant runs the problem.
inline std::unique_ptr<kernels::Workload> prepare(const kernels::Operation& operation,
                                                  const kernels::Problem& problem,
                                                  const kernels::PrepareOptions& options = {
                                                      .seed = 42, .rotate_beyond_bytes = 0}) {
  const auto choice = choose_variant(operation, problem, device_compute_capability());
  if (const auto* reason = std::get_if<kernels::NotSupported>(&choice)) {
    throw std::runtime_error(reason->reason);
  }
  return operation.prepare(*std::get<const kernels::Variant*>(choice), problem, options);
}

/// Launches once and compares the result with the reference.
inline kernels::Verification run_and_verify(kernels::Workload& workload) {
  const runtime::Stream stream;
  workload.launch(stream.get());
  return workload.verify(stream.get());
}

/// What went wrong, for messages.
inline std::string describe(const kernels::Verification& outcome) {
  std::string text = std::to_string(outcome.wrong_elements) + " wrong of " +
                     std::to_string(outcome.total_elements) + ", max_error " +
                     std::to_string(outcome.max_error);
  if (outcome.first_wrong) {
    text += ", first at " + outcome.first_wrong->coordinate + ": expected " +
            std::to_string(outcome.first_wrong->expected) + ", found " +
            std::to_string(outcome.first_wrong->actual);
  }
  return text;
}

/// Right, and every element was looked at.
inline void expect_all_right(const kernels::Problem& problem,
                             const kernels::Verification& outcome) {
  EXPECT_TRUE(outcome.passed) << problem.name() << ": " << describe(outcome);
  EXPECT_EQ(outcome.checked_elements, outcome.total_elements) << problem.name();
}

/// Flips the highest bits of one output element: sign and exponent, so that it is surely wrong.
inline void corrupt_element(const kernels::OutputView& output, std::uint64_t index) {
  auto* const last_byte =
      static_cast<unsigned char*>(output.data) + (index + 1) * output.element_bytes - 1;
  unsigned char value = 0;
  RACKPROOF_CUDA(cudaMemcpy(&value, last_byte, 1, cudaMemcpyDeviceToHost));
  value = static_cast<unsigned char>(value ^ 0xC1U);
  RACKPROOF_CUDA(cudaMemcpy(last_byte, &value, 1, cudaMemcpyHostToDevice));
}

}  // namespace rackproof::tests
