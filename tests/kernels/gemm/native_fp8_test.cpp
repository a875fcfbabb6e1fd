/// fp8 on a device whose mma.sync has an fp8 unit: compute capability 8.9.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "tests/kernels/gemm/all_kernels.hpp"
#include "tests/kernels/gemm/unit_walk.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>

namespace rackproof::kernels::gemm {
namespace {

/// A shipped rack file with the compute capability, shared memory and residency of 8.9 (CUDA C++
/// programming guide, "Compute Capabilities"); rates stay those of the other device: they decide no
/// result. The emulator reads the variable at the first call of the runtime.
[[maybe_unused]] const bool kDeviceChosen = [] {
  auto rack =
      nlohmann::json::parse(std::ifstream(RACKPROOF_SOURCE_DIR "/configs/racks/hgx-a100-80.json"));
  rack["id"] = "sm89-test-device";
  rack["gpu"]["compute_capability"] = "8.9";
  rack["gpu"]["shared_kib_per_sm"] = 100;
  rack["gpu"]["shared_kib_per_block_optin"] = 99;
  rack["gpu"]["max_threads_per_sm"] = 1536;
  rack["gpu"]["max_blocks_per_sm"] = 24;
  const std::string file =
      testing::TempDir() + "sm89_test_device_" + std::to_string(getpid()) + ".json";
  std::ofstream(file) << rack;
  return setenv("RACKPROOF_EMULATOR_RACK", file.c_str(), 1) == 0;  // NOLINT(concurrency-mt-unsafe)
}();

class NativeFp8 : public testing::TestWithParam<ElementType> {
 protected:
  static void expect_right(const GemmShape& shape, const GemmScalars& scalars,
                           const std::string& kernel) {
    const GemmProblem problem(GetParam(), shape, scalars);
    const auto workload = tests::prepare(gemm_operation(), problem);
    EXPECT_EQ(workload->resources().kernel,
              "gemm_tensor_native_" + std::string(to_string(GetParam())) + kernel);
    EXPECT_EQ(workload->resources().spill_bytes_per_thread, 0);
    const Verification outcome = tests::run_and_verify(*workload);
    tests::expect_all_right(problem, outcome);
    EXPECT_NE(outcome.measure.find("13 fraction bits in the fp8 unit, 32 products at a time"),
              std::string::npos)
        << outcome.measure;
    EXPECT_GT(outcome.max_error, 0.02) << "a bound this far from what happens shows nothing";
  }
};
INSTANTIATE_TEST_SUITE_P(Types, NativeFp8,
                         testing::Values(ElementType::fp8_e4m3, ElementType::fp8_e5m2),
                         [](const auto& instance) {
                           return std::string(to_string(instance.param));
                         });

TEST_P(NativeFp8, IsChosenAndRightAtEdgesAndForDeepK) {
  ASSERT_EQ(tests::device_compute_capability(), (ComputeCapability{8, 9}));
  expect_right({.m = 130, .n = 200, .k = 333}, {.alpha = 0.5F, .beta = 2.0F}, "_64x128x128");
  expect_right({.m = 80, .n = 128, .k = 4096}, {}, "_64x128x128");
  expect_right({.m = 16, .n = 128, .k = 500}, {}, "_16x128x128");
}

TEST_P(NativeFp8, IsSplitForFewRowsAndDeepK) {
  expect_right({.m = 5, .n = 136, .k = 4096}, {}, "_16x128x128_splitk8");
}

/// The unit's sums really are short: one MMA of these gives what 13 fraction bits leave.
TEST_P(NativeFp8, DiffersFromWidening) {
  const GemmProblem problem(GetParam(), {.m = 64, .n = 128, .k = 128});
  const auto bytes_of = [&](const GemmKernel& kernel) {
    const auto workload = make_gemm_workload(problem, {.seed = 42}, kernel);
    EXPECT_TRUE(tests::run_and_verify(*workload).passed);
    std::vector<std::byte> bytes(workload->output().elements * workload->output().element_bytes);
    RACKPROOF_CUDA(
        cudaMemcpy(bytes.data(), workload->output().data, bytes.size(), cudaMemcpyDeviceToHost));
    return bytes;
  };
  EXPECT_NE(bytes_of(sm89_native_kernels(GetParam())[0]), bytes_of(sm89_kernels(GetParam())[0]));
}

/// The mma.sync kernels of all types.
TEST(PortableBits, AreThoseOfTheMatrixUnit) {
  for (const NamedKernel& named : all_kernels()) {
    if (fits(named.kernel, device_limits())) {
      expect_bits_of_unit(named.kernel, named.type, Unit::mma_sync_ada);
    }
  }
}

}  // namespace
}  // namespace rackproof::kernels::gemm
