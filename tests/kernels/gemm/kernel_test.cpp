/// The GEMM kernels through the Operation contract: types, edges, scalars, planted faults.

#include "kernels/common/random_fill.hpp"
#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "tests/kernels/support/print.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

using tests::corrupt_element;
using tests::prepare;
using tests::run_and_verify;

std::string describe(const Verification& result) {
  std::string text = std::to_string(result.wrong_elements) + " wrong of " +
                     std::to_string(result.total_elements) + ", max_error " +
                     std::to_string(result.max_error);
  if (result.first_wrong) {
    text += ", first at " + result.first_wrong->coordinate + ": expected " +
            std::to_string(result.first_wrong->expected) + ", found " +
            std::to_string(result.first_wrong->actual);
  }
  return text;
}

/// Each kernel by itself, whatever size it would be chosen for.
struct NamedKernel {
  ElementType type;
  GemmKernel kernel;
};

void PrintTo(const NamedKernel& named, std::ostream* stream) {
  *stream << named.kernel.name;
}

constexpr std::array kTypes{ElementType::bf16,     ElementType::fp16,    ElementType::fp32,
                            ElementType::tf32,     ElementType::fp64,    ElementType::int8,
                            ElementType::fp8_e4m3, ElementType::fp8_e5m2};

std::vector<NamedKernel> all_kernels() {
  std::vector<NamedKernel> kernels;
  for (const ElementType type : kTypes) {
    for (const auto& set : {sm80_kernels(type), sm89_kernels(type)}) {
      for (const GemmKernel& kernel : set) {
        kernels.push_back({type, kernel});
      }
    }
  }
  return kernels;
}

std::vector<NamedKernel> split_kernels() {
  std::vector<NamedKernel> kernels = all_kernels();
  std::erase_if(kernels,
                [](const NamedKernel& named) { return named.kernel.accumulator_bytes == 0; });
  return kernels;
}

class GemmKernels : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right(GemmShape shape, GemmScalars scalars = {}) {
    const GemmProblem problem(GetParam().type, shape, scalars);
    const auto workload =
        make_gemm_workload(problem, {.seed = 42, .rotate_beyond_bytes = 0}, GetParam().kernel);
    const Verification result = run_and_verify(*workload);
    EXPECT_TRUE(result.passed) << problem.name() << ": " << describe(result);
    EXPECT_EQ(result.checked_elements, result.total_elements);
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

class SplitK : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right_twice(const GemmProblem& problem, int slices) {
    const GemmKernel& kernel = GetParam().kernel;
    // Two buffer sets: the second launch finds the counters as the first one left them, and an
    // output that nobody wrote.
    const PrepareOptions options{.seed = 42, .rotate_beyond_bytes = problem.footprint_bytes()};
    const auto workload =
        make_gemm_workload(problem, options, kernel, split_k(kernel, problem.shape(), slices));
    ASSERT_EQ(workload->buffer_sets(), 2);
    const runtime::Stream stream;
    std::vector<std::byte> first;
    for (int launch = 0; launch < 2; ++launch) {
      workload->launch(stream.get());
      const Verification result = workload->verify(stream.get());
      EXPECT_TRUE(result.passed) << problem.name() << " in " << slices << " slices, launch "
                                 << launch << ": " << describe(result);
      const OutputView output = workload->output();
      std::vector<std::byte> bytes(output.elements * output.element_bytes);
      RACKPROOF_CUDA(cudaMemcpy(bytes.data(), output.data, bytes.size(), cudaMemcpyDeviceToHost));
      EXPECT_TRUE(launch == 0 || bytes == first) << "launches differ";
      first = std::move(bytes);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(All, SplitK, testing::ValuesIn(split_kernels()), [](const auto& instance) {
  return std::string(instance.param.kernel.name);
});

/// Rows below, at and above an MMA's, several tiles, a K that no slice divides, a scaled result.
TEST_P(SplitK, AddsTheSlicesAndGivesTheSameBitsTwice) {
  const std::int64_t tile_k = GetParam().kernel.tile_k;
  const GemmScalars scalars =
      is_integer(GetParam().type) ? GemmScalars{.alpha = 1, .beta = 1} : GemmScalars{0.5F, 2.0F};
  expect_right_twice(GemmProblem(GetParam().type, {1, 200, 9 * tile_k + 3}), 4);
  expect_right_twice(GemmProblem(GetParam().type, {17, 131, 8 * tile_k}, scalars), 3);
  expect_right_twice(GemmProblem(GetParam().type, {64, 72, 5 * tile_k - 1}), 5);
}

/// Integers do not depend on the order: whole and split results are equal bit by bit.
TEST(SplitKOfIntegers, IsTheWholeSum) {
  const GemmProblem problem(ElementType::int8, {.m = 5, .n = 130, .k = 1500});
  const GemmKernel& kernel = sm80_int8_kernels().back();
  std::vector<std::vector<std::byte>> results;
  for (const int slices : {1, 6}) {
    const auto workload = make_gemm_workload(problem, {.seed = 3, .rotate_beyond_bytes = 0}, kernel,
                                             split_k(kernel, problem.shape(), slices));
    EXPECT_TRUE(run_and_verify(*workload).passed);
    const OutputView output = workload->output();
    std::vector<std::byte>& bytes = results.emplace_back(output.elements * output.element_bytes);
    RACKPROOF_CUDA(cudaMemcpy(bytes.data(), output.data, bytes.size(), cudaMemcpyDeviceToHost));
  }
  EXPECT_EQ(results.at(0), results.at(1));
}

/// Launches `kernel` on bare buffers and returns D, 4 bytes an element.
std::vector<float> launch_raw(const GemmKernel& kernel, KernelArguments arguments, int blocks) {
  runtime::DeviceBuffer<float> d(static_cast<std::size_t>(arguments.m * arguments.n));
  arguments.d = d.data();
  RACKPROOF_CUDA(cudaFuncSetAttribute(kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      kernel.shared_bytes));
  void* parameters[] = {&arguments};
  RACKPROOF_CUDA(cudaLaunchKernel(kernel.function, dim3(static_cast<unsigned>(blocks)),
                                  dim3(static_cast<unsigned>(kernel.threads)),
                                  static_cast<void**>(parameters),
                                  static_cast<std::size_t>(kernel.shared_bytes), nullptr));
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
  return d.download();
}

/// The bits are those of the slices, each computed by itself, added in their order: whichever CTA
/// adds them.
TEST(SplitKOrder, IsTheOrderOfTheSlices) {
  constexpr int kM = 20;
  constexpr int kN = 40;
  constexpr int kK = 7 * 32;
  const GemmKernel& kernel = sm80_tf32_kernels()[1];
  const GemmShape shape{.m = kM, .n = kN, .k = kK};
  runtime::DeviceBuffer<float> a(kM * kK);
  runtime::DeviceBuffer<float> b(kN * kK);
  fill_uniform(a.data(), ElementType::tf32, a.size(), 1, nullptr);
  fill_uniform(b.data(), ElementType::tf32, b.size(), 2, nullptr);
  const KSplit split = split_k(kernel, shape, 3);
  ASSERT_EQ(split.slices, 3);
  std::vector<float> expected(kM * kN, 0.0F);
  for (int first = 0; first < kK; first += split.k_tiles_per_slice * kernel.tile_k) {
    const std::vector<float> part =
        launch_raw(kernel,
                   {.a = a.data() + first,
                    .b = b.data() + first,
                    .lda = kK,
                    .ldb = kK,
                    .m = kM,
                    .n = kN,
                    .k = std::min(split.k_tiles_per_slice * kernel.tile_k, kK - first)},
                   1);
    for (std::size_t i = 0; i < part.size(); ++i) {
      expected[i] += part[i];
    }
  }
  runtime::DeviceBuffer<float> partials(
      static_cast<std::size_t>(split.slices * kernel.tile_m * kernel.tile_n));
  runtime::DeviceBuffer<std::uint32_t> arrivals(std::vector<std::uint32_t>{0});
  EXPECT_EQ(launch_raw(kernel,
                       {.a = a.data(),
                        .b = b.data(),
                        .lda = kK,
                        .ldb = kK,
                        .m = kM,
                        .n = kN,
                        .k = kK,
                        .slices = split.slices,
                        .k_tiles_per_slice = split.k_tiles_per_slice,
                        .partials = partials.data(),
                        .arrivals = arrivals.data()},
                       split.slices),
            expected);
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
  ParamReader request({{"shape", std::string("square_waves")}, {"k", std::int64_t{16}}});
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
  EXPECT_TRUE(result.passed) << planned[0].reason << ": " << describe(result);
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

/// Few rows and a deep K take the split-K variant, which says in its name how many slices it made.
TEST(GemmVariants, FewRowsAreSplitOverK) {
  const GemmProblem problem(ElementType::bf16, {.m = 3, .n = 256, .k = 2048});
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
