/// Split-K: right, repeatable, in the order of the slices.

#include "kernels/common/random_fill.hpp"
#include "runtime/device_buffer.hpp"
#include "tests/kernels/gemm/all_kernels.hpp"
#include "tests/kernels/gemm/run_twice.hpp"
#include "tests/kernels/support/run_workload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

using tests::run_and_verify;

std::vector<NamedKernel> split_kernels() {
  std::vector<NamedKernel> kernels = all_kernels();
  std::erase_if(kernels,
                [](const NamedKernel& named) { return named.kernel.accumulator_bytes == 0; });
  return kernels;
}

class SplitK : public testing::TestWithParam<NamedKernel> {
 protected:
  static void expect_right(const GemmProblem& problem, int slices) {
    const GemmKernel& kernel = GetParam().kernel;
    expect_right_twice(problem, kernel, split_k(kernel, problem.shape(), slices));
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
  expect_right(GemmProblem(GetParam().type, {1, 200, 9 * tile_k + 3}), 4);
  expect_right(GemmProblem(GetParam().type, {17, 131, 8 * tile_k}, scalars), 3);
  expect_right(GemmProblem(GetParam().type, {64, 72, 5 * tile_k - 1}), 5);
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

/// The deepest K of the largest products is as near to 2^31 as a sum of int8 comes; 127 * 127 * K
/// is odd, so that fp32 would lose its last bits.
TEST(SplitKOfIntegers, HoldsTheLargestSums) {
  constexpr int kK = static_cast<int>(kLargestInt8K);
  constexpr int kRowBytes = kK + 1;  // a multiple of 16
  constexpr int kN = 8;
  const GemmKernel& kernel = sm80_int8_kernels().back();
  runtime::DeviceBuffer<std::byte> a(kRowBytes);
  runtime::DeviceBuffer<std::byte> b(std::size_t{kN} * kRowBytes);
  for (const int value : {-128, 127}) {
    RACKPROOF_CUDA(cudaMemset(a.data(), value, a.size_bytes()));
    RACKPROOF_CUDA(cudaMemset(b.data(), value, b.size_bytes()));
    const std::vector<float> d = launch_raw(kernel,
                                            {.a = a.data(),
                                             .b = b.data(),
                                             .lda = kRowBytes,
                                             .ldb = kRowBytes,
                                             .m = 1,
                                             .n = kN,
                                             .k = kK},
                                            1);
    for (const float bits : d) {
      EXPECT_EQ(std::bit_cast<std::int32_t>(bits), value * value * kK);
    }
  }
}

}  // namespace
}  // namespace rackproof::kernels::gemm
