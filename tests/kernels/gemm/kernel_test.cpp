/// The GEMM kernels through the Operation contract: types, edges, scalars, planted faults.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "tests/kernels/gemm/all_kernels.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace rackproof::kernels::gemm {
namespace {

using tests::corrupt_element;
using tests::prepare;
using tests::run_and_verify;

class GemmKernels : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right(GemmShape shape, GemmScalars scalars = {}) {
    const GemmProblem problem(GetParam().type, shape, scalars);
    const auto workload =
        make_gemm_workload(problem, {.seed = 42, .rotate_beyond_bytes = 0}, GetParam().kernel);
    const Verification result = run_and_verify(*workload);
    tests::expect_all_right(problem, result);
  }
};
INSTANTIATE_TEST_SUITE_P(All, GemmKernels, testing::ValuesIn(all_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

TEST_P(GemmKernels, WholeTiles) {
  expect_right({.m = 256, .n = 512, .k = 192});
}

/// Every extent at, below and above the boundaries of vectors, fragments, warps, tiles, stages.
TEST_P(GemmKernels, Edges) {
  for (const GemmShape shape : {GemmShape{1, 1, 1},
                                {1, 1, 1000},
                                {1, 129, 8},
                                {129, 1, 9},
                                {7, 13, 3},
                                {17, 9, 17},
                                {63, 65, 64},
                                {64, 128, 63},
                                {65, 127, 65},
                                {128, 128, 129},
                                {66, 130, 40},
                                {129, 136, 191},
                                {130, 257, 193}}) {
    expect_right(shape);
  }
}

/// Every depth of the pipeline, from less than it is deep to several times around, whole K-tiles
/// and one element more.
TEST_P(GemmKernels, PipelineDepths) {
  const std::int64_t tile_k = GetParam().kernel.tile_k;
  for (const std::int64_t k :
       {tile_k / 4, tile_k, 2 * tile_k, 3 * tile_k, 4 * tile_k, 5 * tile_k, 7 * tile_k + 1}) {
    expect_right({.m = 40, .n = 72, .k = k});
  }
}

TEST_P(GemmKernels, Scalars) {
  const GemmShape shape{.m = 70, .n = 136, .k = 40};
  if (is_integer(GetParam().type)) {
    expect_right(shape, {.alpha = 1.0F, .beta = 1.0F});
    expect_right({.m = 70, .n = 131, .k = 40}, {.alpha = 1.0F, .beta = 1.0F});
    return;
  }
  expect_right(shape, {.alpha = -1.5F, .beta = 0.0F});
  expect_right(shape, {.alpha = 1.0F, .beta = 1.0F});
  expect_right(shape, {.alpha = 0.25F, .beta = -3.0F});
  expect_right(shape, {.alpha = 0.0F, .beta = 2.0F});
  // Odd N: rows of C and D that no 16-byte access fits.
  expect_right({.m = 70, .n = 131, .k = 40}, {.alpha = 0.5F, .beta = 0.5F});
}

/// More rows of tiles than a band of the tile order has, and a band that is not full.
TEST_P(GemmKernels, ManyTiles) {
  expect_right({.m = 1200, .n = 300, .k = 16});
}

class GemmTypes : public testing::TestWithParam<ElementType> {};
INSTANTIATE_TEST_SUITE_P(All, GemmTypes, testing::ValuesIn(kTypes), [](const auto& instance) {
  return std::string(to_string(instance.param));
});

/// A planned problem, run by the kernel it was planned for.
TEST(GemmPlan, FullWaveFillsTheDevice) {
  int device = 0;
  int multiprocessors = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  // Deep enough for the largest tile to be the one that is chosen.
  ParamReader request({{"shape", std::string("square_waves")}, {"k", std::int64_t{256}}});
  const auto planned = gemm_operation().plan(request, {.cc = tests::device_compute_capability(),
                                                       .multiprocessors = multiprocessors,
                                                       .memory_bytes = 0,
                                                       .l2_bytes = 0,
                                                       .shared_memory_per_block_bytes = 227 << 10,
                                                       .gpus = 1,
                                                       .gpus_per_node = 1});
  ASSERT_EQ(planned.size(), 1U);
  const auto workload = prepare(gemm_operation(), *planned[0].problem);
  const Verification result = run_and_verify(*workload);
  EXPECT_TRUE(result.passed) << planned[0].reason << ": " << tests::describe(result);
  EXPECT_EQ(workload->resources().blocks, multiprocessors) << workload->resources().kernel;
}

TEST_P(GemmTypes, PlantedWrongElementIsFound) {
  const GemmProblem problem(GetParam(), {.m = 100, .n = 72, .k = 50});
  const auto workload = prepare(gemm_operation(), problem);
  ASSERT_TRUE(run_and_verify(*workload).passed);
  const OutputView output = workload->output();
  ASSERT_EQ(output.elements, 100U * 72U);
  corrupt_element(output, 37 * 72 + 11);
  const Verification result = workload->verify(nullptr);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.wrong_elements, 1U);
  ASSERT_TRUE(result.first_wrong.has_value());
  EXPECT_EQ(result.first_wrong->coordinate, "row 37, column 11");
}

/// A result that was never computed is not taken for right.
TEST_P(GemmTypes, UnwrittenOutputIsWrong) {
  const auto workload =
      prepare(gemm_operation(), GemmProblem(GetParam(), {.m = 8, .n = 8, .k = 8}));
  EXPECT_EQ(workload->verify(nullptr).wrong_elements, 64U);
}

TEST_P(GemmTypes, RotatesOverDisjointBuffers) {
  const GemmProblem problem(GetParam(), {.m = 64, .n = 64, .k = 64});
  const auto workload = prepare(gemm_operation(), problem,
                                {.seed = 1, .rotate_beyond_bytes = 2 * problem.footprint_bytes()});
  EXPECT_EQ(workload->buffer_sets(), 3);
  const runtime::Stream stream;
  std::vector<void*> outputs;
  for (int launch = 0; launch < 4; ++launch) {
    workload->launch(stream.get());
    outputs.push_back(workload->output().data);
    EXPECT_TRUE(workload->verify(stream.get()).passed) << "launch " << launch;
  }
  EXPECT_NE(outputs[0], outputs[1]);
  EXPECT_NE(outputs[1], outputs[2]);
  EXPECT_EQ(outputs[0], outputs[3]);
}

TEST_P(GemmTypes, ReportsItsResources) {
  const auto workload =
      prepare(gemm_operation(), GemmProblem(GetParam(), {.m = 64, .n = 64, .k = 64}));
  const KernelResources resources = workload->resources();
  EXPECT_NE(resources.kernel.find(to_string(GetParam())), std::string::npos);
  EXPECT_GT(resources.registers_per_thread, 0);
  EXPECT_EQ(resources.spill_bytes_per_thread, 0);
  EXPECT_GT(resources.shared_bytes_per_block, 48 * 1024);
  EXPECT_EQ(resources.blocks, 1);
}

/// Few rows and a deep K take the split-K variant, which says in its name how many slices it made;
/// on every device if the rows of the result are not whole 16 bytes.
TEST(GemmVariants, FewRowsAreSplitOverK) {
  const GemmProblem problem(ElementType::bf16, {.m = 3, .n = 252, .k = 2048});
  const auto workload = prepare(gemm_operation(), problem);
  EXPECT_TRUE(run_and_verify(*workload).passed);
  const KernelResources resources = workload->resources();
  EXPECT_NE(resources.kernel.find("gemm_tensor_bf16_16x128x64_splitk"), std::string::npos)
      << resources.kernel;
  EXPECT_GT(resources.blocks, 2);
  const auto choice = choose_variant(gemm_operation(), problem, tests::device_compute_capability());
  ASSERT_TRUE(std::holds_alternative<const Variant*>(choice));
  EXPECT_EQ(std::get<const Variant*>(choice)->name, "sm80_splitk");
}

TEST(GemmBaseline, HasAReasonWhereTheLibraryCannotRun) {
  const GemmProblem problem(ElementType::bf16, {.m = 8, .n = 8, .k = 8});
  const auto baseline = gemm_operation().baseline(problem, {.seed = 1, .rotate_beyond_bytes = 0});
  const auto* reason = std::get_if<NotSupported>(&baseline);
  ASSERT_NE(reason, nullptr);
  EXPECT_NE(reason->reason.find("runs on a GPU only"), std::string::npos) << reason->reason;
  EXPECT_TRUE(gemm_operation().baseline_name().empty());
}

}  // namespace
}  // namespace rackproof::kernels::gemm
