/// The sm_90a kernels on an emulated H100, every one by itself whatever size it would be chosen
/// for.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "kernels/gemm/sm90/sm90_kernels.hpp"
#include "tests/kernels/gemm/unit_walk.hpp"
#include "tests/kernels/support/print.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace rackproof::kernels::gemm::sm90 {
namespace {

/// The emulator reads the variable at the first call of the runtime.
[[maybe_unused]] const bool kDeviceChosen =
    setenv("RACKPROOF_EMULATOR_RACK", "dgx-h100", 1) == 0;  // NOLINT(concurrency-mt-unsafe)

struct NamedKernel {
  ElementType type;
  GemmKernel kernel;
};
void PrintTo(const NamedKernel& named, std::ostream* stream) {
  *stream << named.kernel.name;
}

std::vector<NamedKernel> every_kernel() {
  std::vector<NamedKernel> all;
  for (const ElementType type :
       {ElementType::bf16, ElementType::fp16, ElementType::fp8_e4m3, ElementType::fp8_e5m2}) {
    for (const auto& set : {kernels(type), fast_fp8_kernels(type)}) {
      for (const GemmKernel& kernel : set) {
        all.push_back({type, kernel});
      }
    }
  }
  return all;
}

class Sm90Kernel : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right(const GemmShape& shape, const GemmScalars& scalars = {}) {
    const GemmProblem problem(GetParam().type, shape, scalars);
    const auto workload = make_gemm_workload(problem, {.seed = 42}, GetParam().kernel);
    tests::expect_all_right(problem, tests::run_and_verify(*workload));
  }
};
INSTANTIATE_TEST_SUITE_P(All, Sm90Kernel, testing::ValuesIn(every_kernel()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

/// More K-tiles than stages, whole tiles, two clusters.
TEST_P(Sm90Kernel, WholeTiles) {
  const GemmKernel& kernel = GetParam().kernel;
  expect_right({.m = 2 * kernel.tile_m, .n = 2 * kernel.tile_n, .k = 7 * kernel.tile_k});
}

/// Less than a K-step, a row or a column more than a tile, a tile row that only one CTA of a
/// cluster has, C added.
TEST_P(Sm90Kernel, Edges) {
  expect_right({.m = 1, .n = 8, .k = 1});
  expect_right({.m = 129, .n = 264, .k = 200}, {.alpha = 0.5F, .beta = 2.0F});
  expect_right({.m = 300, .n = 136, .k = 65});
}

TEST(Sm90Choice, RunsThroughTheOperationAndSaysWhy) {
  const GemmProblem problem(ElementType::bf16, {.m = 512, .n = 512, .k = 128});
  const auto workload = tests::prepare(gemm_operation(), problem);
  const KernelResources resources = workload->resources();
  EXPECT_EQ(resources.kernel, "gemm_wgmma_bf16_128x128x64");
  EXPECT_EQ(resources.spill_bytes_per_thread, 0);
  EXPECT_EQ(resources.blocks, 16);
  EXPECT_NE(resources.choice.find("128x256 takes 1 round"), std::string::npos) << resources.choice;
  tests::expect_all_right(problem, tests::run_and_verify(*workload));
}

/// More tiles than the device holds CTAs: each takes several.
TEST(Sm90Choice, IsPersistent) {
  const GemmProblem problem(ElementType::fp16, {.m = 128 * 20, .n = 128 * 7, .k = 64});
  const auto workload = make_gemm_workload(problem, {.seed = 1}, kernels(ElementType::fp16)[1]);
  EXPECT_EQ(workload->resources().blocks, 132);
  tests::expect_all_right(problem, tests::run_and_verify(*workload));
}

TEST(Sm90Bits, AreThoseOfTheMatrixUnit) {
  for (const NamedKernel& named : every_kernel()) {
    expect_bits_of_unit(named.kernel, named.type, Unit::wgmma);
  }
}

}  // namespace
}  // namespace rackproof::kernels::gemm::sm90
