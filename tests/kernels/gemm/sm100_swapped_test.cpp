/// Swapped operands on sm_100: edges, every width, tiles whole, in slices and streamed. The device
/// is that of sm100_test.cpp.

#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "runtime/error.hpp"
#include "tests/kernels/gemm/all_kernels.hpp"
#include "tests/kernels/gemm/run_twice.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace rackproof::kernels::gemm {
namespace {

/// e5m2 differs from e4m3 in a bit of the launch. The same code for all widths: the widest and the
/// narrowest of every type, and all of one.
constexpr std::array kSwappedTypes{ElementType::bf16,  ElementType::fp16,  ElementType::fp8_e4m3,
                                   ElementType::mxfp8, ElementType::mxfp4, ElementType::nvfp4};

std::vector<NamedKernel> swapped_kernels() {
  std::vector<NamedKernel> kernels;
  for (const ElementType type : kSwappedTypes) {
    for (const GemmKernel& kernel : sm100::swapped_kernels(type)) {
      if (type == ElementType::bf16 || kernel.tile_m == 128 || kernel.tile_m == 16) {
        kernels.push_back({type, kernel});
      }
    }
  }
  return kernels;
}

class Sm100Swapped : public testing::TestWithParam<NamedKernel> {
 protected:
  static GemmProblem problem(std::int64_t m, std::int64_t n, std::int64_t k_tiles,
                             const GemmScalars& scalars = {}) {
    return {
        GetParam().type, {.m = m, .n = n, .k = k_tiles * GetParam().kernel.tile_k + 32}, scalars};
  }
};
INSTANTIATE_TEST_SUITE_P(All, Sm100Swapped, testing::ValuesIn(swapped_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

/// Rows below and at the width, columns below and above a tile and a warp's part of it; two tiles
/// of rows for the widest.
TEST_P(Sm100Swapped, WholeTiles) {
  const GemmKernel& kernel = GetParam().kernel;
  expect_right_twice(problem(1, 8, 0), kernel, {});
  const std::int64_t rows = kernel.most_rows == 0 ? kernel.tile_m + 9 : kernel.tile_m;
  expect_right_twice(problem(rows, 296, 7, {.alpha = 0.25F, .beta = -3.0F}), kernel, {});
}

/// The matrix unit adds the same products in the same order: the bits are those of operands that
/// are not swapped.
TEST_P(Sm100Swapped, WholeTilesGiveTheBitsOfStraightOnes) {
  const GemmKernel& kernel = GetParam().kernel;
  const GemmProblem few = problem(kernel.tile_m - 1, 136, 2);
  const auto bytes_of = [&](const GemmKernel& each) {
    const auto workload = make_gemm_workload(few, {.seed = 7}, each);
    const runtime::Stream stream;
    workload->launch(stream.get());
    RACKPROOF_CUDA(cudaStreamSynchronize(stream.get()));
    const OutputView output = workload->output();
    std::vector<std::byte> bytes(output.elements * output.element_bytes);
    RACKPROOF_CUDA(cudaMemcpy(bytes.data(), output.data, bytes.size(), cudaMemcpyDeviceToHost));
    return bytes;
  };
  EXPECT_EQ(bytes_of(kernel), bytes_of(sm100::kernels(GetParam().type).back()));
}

/// With scales the second tile of fewer than 128 rows would begin inside of a block of them.
TEST(Sm100SwappedRows, BeyondTheirWidthAreRefusedWhereTheyHaveScales) {
  const GemmKernel& narrow = sm100::swapped_kernels(ElementType::nvfp4).back();
  const auto workload =
      make_gemm_workload(GemmProblem(ElementType::nvfp4, {.m = 17, .n = 64, .k = 64}), {}, narrow);
  const runtime::Stream stream;
  try {
    workload->launch(stream.get());
    FAIL() << "launched";
  } catch (const runtime::NotAvailable& refusal) {
    EXPECT_EQ(std::string(refusal.what()),
              "gemm_tcgen05_nvfp4_swapped_16x128x256 takes at most 16 rows, found 17");
  }
}

/// Shared sums: all widths of one type, of the others one.
class Sm100SwappedSums : public Sm100Swapped {};
std::vector<NamedKernel> sharing_kernels() {
  std::vector<NamedKernel> kernels = swapped_kernels();
  std::erase_if(kernels, [](const NamedKernel& named) {
    return named.type != ElementType::bf16 && named.kernel.tile_m > 16;
  });
  return kernels;
}
INSTANTIATE_TEST_SUITE_P(All, Sm100SwappedSums, testing::ValuesIn(sharing_kernels()),
                         [](const auto& instance) {
                           return std::string(instance.param.kernel.name);
                         });

/// Tiles in slices, more units than SMs, a K that no slice divides.
TEST_P(Sm100SwappedSums, Slices) {
  const GemmKernel& kernel = GetParam().kernel;
  const GemmProblem few = problem(kernel.tile_m - 3, 264, 8, {.alpha = 0.5F, .beta = 2.0F});
  expect_right_twice(few, kernel, split_k(kernel, few.shape(), 4));
}

/// Even shares: borders between CTAs in tiles and between them, a tile of three CTAs, a CTA of
/// three tiles.
TEST_P(Sm100SwappedSums, Streamed) {
  const GemmKernel& kernel = GetParam().kernel;
  const GemmProblem few = problem(kernel.tile_m, 264, 8, {.alpha = 0.5F, .beta = 2.0F});
  const KSplit five = stream_k(kernel, few.shape(), 5);
  EXPECT_EQ(five.k_tiles_per_slice, 6);  // 27 K-tiles
  EXPECT_EQ(five.stream_ctas, 5);
  EXPECT_EQ(five.slices, 3);
  expect_right_twice(few, kernel, five);
  const GemmProblem shallow = problem(kernel.tile_m, 5 * 128, 1);
  expect_right_twice(shallow, kernel, stream_k(kernel, shallow.shape(), 2));
}

}  // namespace
}  // namespace rackproof::kernels::gemm
