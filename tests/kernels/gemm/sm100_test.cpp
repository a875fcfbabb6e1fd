/// The kernels of sm_100 and sm_103: edges, depths of the pipeline, scalars, tiles taken over, on a
/// device that is small enough for every CTA to compute several tiles.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "tests/kernels/gemm/all_kernels.hpp"
#include "tests/kernels/gemm/run_twice.hpp"
#include "tests/kernels/gemm/unit_walk.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

/// A shipped rack file with four SMs. The emulator reads the variable at the first call of the
/// runtime.
[[maybe_unused]] const bool kDeviceChosen = [] {
  auto rack =
      nlohmann::json::parse(std::ifstream(RACKPROOF_SOURCE_DIR "/configs/racks/gb300-nvl72.json"));
  rack["id"] = "sm103-test-device";
  rack["gpu"]["multiprocessors"] = 4;
  const std::string file =
      testing::TempDir() + "sm103_test_device_" + std::to_string(getpid()) + ".json";
  std::ofstream(file) << rack;
  return setenv("RACKPROOF_EMULATOR_RACK", file.c_str(), 1) == 0;  // NOLINT(concurrency-mt-unsafe)
}();

constexpr std::array kSm100Types{ElementType::bf16,     ElementType::fp16,     ElementType::tf32,
                                 ElementType::fp8_e4m3, ElementType::fp8_e5m2, ElementType::mxfp8,
                                 ElementType::mxfp4,    ElementType::nvfp4};

std::vector<NamedKernel> sm100_kernels() {
  std::vector<NamedKernel> kernels;
  for (const ElementType type : kSm100Types) {
    for (const auto& set : {sm100::kernels(type), sm100::multicast_kernels(type),
                            sm100::wide_kernels(type), sm100::wide_multicast_kernels(type)}) {
      for (const GemmKernel& kernel : set) {
        kernels.push_back({type, kernel});
      }
    }
  }
  return kernels;
}

class Sm100Kernels : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right(const GemmShape& shape, const GemmScalars& scalars = {}) {
    const GemmProblem problem(GetParam().type, shape, scalars);
    const auto workload = make_gemm_workload(problem, {.seed = 42}, GetParam().kernel);
    EXPECT_EQ(workload->resources().spill_bytes_per_thread, 0);
    tests::expect_all_right(problem, tests::run_and_verify(*workload));
  }
};
INSTANTIATE_TEST_SUITE_P(All, Sm100Kernels, testing::ValuesIn(sm100_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

/// Extents below, at and above a tile and a panel; K below and above a stage.
TEST_P(Sm100Kernels, Edges) {
  expect_right({.m = 1, .n = 8, .k = 32});
  expect_right({.m = 129, .n = 264, .k = 96}, {.alpha = 0.25F, .beta = -3.0F});
}

/// More tiles than fit at once, each around the ring more than once; nobody's share is whole.
TEST_P(Sm100Kernels, ManyTiles) {
  const GemmKernel& kernel = GetParam().kernel;
  const std::int64_t k_tiles = kernel.cluster_m > 2 ? 3 : 7;  // a cluster takes all three tiles
  expect_right(
      {.m = 3 * kernel.tile_m + 40, .n = 3 * kernel.tile_n, .k = k_tiles * kernel.tile_k + 32});
}

/// Kernels whose tiles pairs can share, of one type of each way through the epilogue.
class Sm100SharedSums : public Sm100Kernels {};
std::vector<NamedKernel> sharing_kernels() {
  std::vector<NamedKernel> kernels = sm100_kernels();
  std::erase_if(kernels, [](const NamedKernel& named) {
    return named.kernel.accumulator_bytes == 0 ||
           (named.type != ElementType::bf16 && named.type != ElementType::tf32 &&
            named.type != ElementType::mxfp8);
  });
  return kernels;
}
INSTANTIATE_TEST_SUITE_P(All, Sm100SharedSums, testing::ValuesIn(sharing_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

/// A slice shorter than the others; shares whose borders lie in tiles and between them, more of
/// them than run at once.
TEST_P(Sm100SharedSums, SlicesAndStreams) {
  const GemmKernel& kernel = GetParam().kernel;
  const GemmProblem problem(GetParam().type,
                            {.m = 264, .n = kernel.tile_n + 8, .k = 7 * kernel.tile_k},
                            {.alpha = 0.5F, .beta = 2.0F});
  expect_right_twice(problem, kernel, split_k(kernel, problem.shape(), 3));
  const KSplit five = stream_k(kernel, problem.shape(), 5 * kernel.cluster_m);
  EXPECT_EQ(five.k_tiles_per_slice, 6);  // of 28
  EXPECT_EQ(five.stream_ctas, 5 * kernel.cluster_m);
  expect_right_twice(problem, kernel, five);
}

/// Every CTA computes every so manieth tile. Two pairs that share B have no such schedule.
class Sm100Static : public Sm100Kernels {};
std::vector<NamedKernel> static_kernels() {
  std::vector<NamedKernel> kernels = sm100_kernels();
  std::erase_if(kernels, [](const NamedKernel& named) { return named.kernel.cluster_m > 2; });
  return kernels;
}
INSTANTIATE_TEST_SUITE_P(All, Sm100Static, testing::ValuesIn(static_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

TEST_P(Sm100Static, StaticScheduleGivesTheSameBits) {
  const GemmKernel& stealing = GetParam().kernel;
  std::vector<GemmKernel> candidates;
  for (const auto& set :
       {sm100::static_kernels(GetParam().type), sm100::static_wide_kernels(GetParam().type)}) {
    candidates.insert(candidates.end(), set.begin(), set.end());
  }
  for (const GemmKernel& kernel : candidates) {
    if (kernel.name != stealing.name) {
      continue;
    }
    const GemmProblem problem(GetParam().type, {.m = 264, .n = 2 * kernel.tile_n + 8, .k = 64});
    const auto bytes_of = [&](const GemmKernel& each, std::int64_t blocks) {
      const auto workload = make_gemm_workload(problem, {.seed = 42}, each);
      EXPECT_EQ(workload->resources().blocks, blocks);
      EXPECT_TRUE(tests::run_and_verify(*workload).passed);
      std::vector<std::byte> bytes(workload->output().elements * workload->output().element_bytes);
      RACKPROOF_CUDA(
          cudaMemcpy(bytes.data(), workload->output().data, bytes.size(), cudaMemcpyDeviceToHost));
      return bytes;
    };
    EXPECT_EQ(bytes_of(kernel, 4), bytes_of(stealing, tiles_of(stealing, problem.shape())));
    return;
  }
  FAIL() << "no static schedule";
}

/// Steps of 96 over stages of 256: the product ends at every one of the eight steps of three
/// stages, inside of a stage, at its end or in a further one that holds zeros.
TEST(WideSteps, EndAnywhere) {
  for (const ElementType type : {ElementType::mxfp4, ElementType::nvfp4}) {
    for (const std::int64_t k : {64, 192, 256, 384, 480, 512, 672, 768}) {
      const GemmProblem problem(type, {.m = 8, .n = 40, .k = k});
      const auto workload =
          make_gemm_workload(problem, {.seed = 7}, sm100::wide_kernels(type).back());
      tests::expect_all_right(problem, tests::run_and_verify(*workload));
    }
  }
}

TEST(Sm100Bits, AreThoseOfTheMatrixUnit) {
  for (const NamedKernel& named : sm100_kernels()) {
    if (named.kernel.cluster_m > 2 && named.type != ElementType::nvfp4) {
      continue;  // the code of the pair but for who copies
    }
    const bool is_wide = named.kernel.name.find("_k96_") != std::string_view::npos;
    expect_bits_of_unit(named.kernel, named.type, is_wide ? Unit::tcgen05_k96 : Unit::tcgen05);
  }
  for (const ElementType type : kSm100Types) {
    for (const GemmKernel& kernel : sm100::swapped_kernels(type)) {
      if (kernel.tile_m == 32) {
        expect_bits_of_unit(kernel, type, Unit::tcgen05);
      }
    }
  }
}

}  // namespace
}  // namespace rackproof::kernels::gemm
