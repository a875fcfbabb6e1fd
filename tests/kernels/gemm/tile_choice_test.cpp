#include "kernels/gemm/gemm_workload.hpp"
#include "runtime/error.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::gemm {
namespace {

constexpr DeviceLimits kGb300{.multiprocessors = 152, .shared_bytes_per_block = 227 * 1024};

std::string_view chosen(GemmShape shape, const DeviceLimits& limits = kGb300) {
  return choose_tile(sm80_tensor_kernels(ElementType::bf16), shape, limits).kernel->name;
}

TEST(TileChoice, TakesTheLargeTileWhereItFillsTheDevice) {
  EXPECT_EQ(chosen({.m = 2432, .n = 2048, .k = 64}), "gemm_tensor_bf16_128x256x64");
  EXPECT_EQ(chosen({.m = 8192, .n = 8192, .k = 8192}), "gemm_tensor_bf16_128x256x64");
}

TEST(TileChoice, TakesTheSmallTileWhereSmsWouldIdle) {
  EXPECT_EQ(chosen({.m = 64, .n = 128, .k = 1}), "gemm_tensor_bf16_64x128x64");
  EXPECT_EQ(chosen({.m = 1024, .n = 1024, .k = 1024}), "gemm_tensor_bf16_64x128x64");
}

TEST(TileChoice, TakesTheTileOfOneMmaRowWhereThereAreNoMoreRows) {
  EXPECT_EQ(chosen({.m = 16, .n = 8192, .k = 64}), "gemm_tensor_bf16_16x128x64");
  EXPECT_EQ(chosen({.m = 1, .n = 1, .k = 1}), "gemm_tensor_bf16_16x128x64");
}

TEST(TileChoice, SaysWhy) {
  EXPECT_EQ(choose_tile(sm80_tensor_kernels(ElementType::bf16), {.m = 2432, .n = 2048, .k = 64},
                        {.multiprocessors = 152, .shared_bytes_per_block = 100000})
                .reason,
            "fewest results of one SM one after the other on 152 SMs, a smaller tile by a fifth: "
            "128x256 does not fit the shared memory, 64x128 takes 4 rounds, 16x128 is for at most "
            "16 rows");
}

/// Compute capability 8.9 offers 99 KB: the large tile does not fit, whatever the problem is.
TEST(TileChoice, TakesWhatFitsIntoSharedMemory) {
  const GemmShape large{.m = 8192, .n = 8192, .k = 8192};
  EXPECT_EQ(chosen(large, {.multiprocessors = 128, .shared_bytes_per_block = 99 * 1024}),
            "gemm_tensor_bf16_64x128x64");
  EXPECT_THROW((void)chosen(large, {.multiprocessors = 128, .shared_bytes_per_block = 48 * 1024}),
               runtime::NotAvailable);
}

TEST(TileChoice, HasOneKernelForFp32) {
  EXPECT_EQ(sm80_simt_kernels().size(), 1U);
  EXPECT_TRUE(sm80_tensor_kernels(ElementType::fp32).empty());
}

KSplit split_of(GemmShape shape, int multiprocessors = 152) {
  return choose_split(sm80_tensor_kernels(ElementType::bf16)[1], shape, ElementType::bf16,
                      multiprocessors);
}

/// The tile of the split kernel is 64x128x64, two at a time on an SM.
TEST(SplitChoice, FillsTheDeviceWithSlicesWhereTilesAreFew) {
  // 64 tiles on 304 places, 256 K-tiles: whole sums would leave four places in five empty.
  const KSplit few = split_of({.m = 16, .n = 8192, .k = 16384});
  const int blocks = 64 * few.slices;
  const int waves = (blocks + 303) / 304;
  EXPECT_GT(blocks, waves * 304 * 8 / 10) << few.slices << " slices";
  EXPECT_GE(few.k_tiles_per_slice, 16);
  // 832 tiles are 2.7 waves: three waves of whole sums, or fewer K-tiles in full ones.
  EXPECT_LE(split_of({.m = 1, .n = 106496, .k = 16384}).slices, 4);
  // Tiles that fill the device exactly are left whole.
  EXPECT_EQ(split_of({.m = 64, .n = 304 * 128, .k = 8192}).slices, 1);
}

/// Adding slices has its price: a shallow K is not cut to pieces for the sake of idle SMs.
TEST(SplitChoice, StopsWhereAddingCostsMoreThanItSaves) {
  const KSplit shallow = split_of({.m = 64, .n = 128, .k = 512});
  EXPECT_LE(shallow.slices, 2);
  const KSplit deep = split_of({.m = 64, .n = 128, .k = 65536});
  EXPECT_GT(deep.slices, 8);
  EXPECT_LE(deep.slices, 32);
}

TEST(SplitChoice, CoversKWithoutEmptySlices) {
  const GemmKernel& kernel = sm80_tensor_kernels(ElementType::bf16).back();
  for (const std::int64_t k : {1, 64, 65, 640, 641, 1999}) {
    for (const int slices : {1, 2, 3, 7, 100}) {
      const KSplit split = split_k(kernel, {.m = 1, .n = 1, .k = k}, slices);
      const std::int64_t k_tiles = (k + 63) / 64;
      EXPECT_GE(std::int64_t{split.slices} * split.k_tiles_per_slice, k_tiles);
      EXPECT_LT(std::int64_t{split.slices - 1} * split.k_tiles_per_slice, k_tiles);
      EXPECT_LE(split.slices, slices);
    }
  }
}

std::string choice_of(ElementType type, GemmShape shape, ComputeCapability cc) {
  const GemmProblem problem(type, shape);
  const auto choice = choose_variant(gemm_operation(), problem, cc);
  const auto* variant = std::get_if<const Variant*>(&choice);
  return variant == nullptr ? std::get<NotSupported>(choice).reason : std::string((*variant)->name);
}

TEST(VariantChoice, SplitsFewRowsAndDeepK) {
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 64, .n = 8192, .k = 8192}, {8, 0}), "sm80_splitk");
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 65, .n = 8192, .k = 8192}, {8, 0}), "sm80");
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 64, .n = 8192, .k = 511}, {8, 0}), "sm80");
  EXPECT_EQ(choice_of(ElementType::fp32, {.m = 1, .n = 8192, .k = 8192}, {8, 0}), "sm80");
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, {.m = 1, .n = 8192, .k = 8192}, {10, 3}), "sm100");
}

/// sm_90a code runs on 9.0 alone, and the TMA unit stores rows of whole 16 bytes.
TEST(VariantChoice, TakesWgmmaOnHopperAlone) {
  const GemmShape shape{.m = 256, .n = 256, .k = 256};
  EXPECT_EQ(choice_of(ElementType::bf16, shape, {9, 0}), "sm90");
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, shape, {9, 0}), "sm90");
  EXPECT_EQ(choice_of(ElementType::tf32, shape, {9, 0}), "sm80");
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 16, .n = 8192, .k = 8192}, {9, 0}), "sm80_splitk");
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 256, .n = 252, .k = 256}, {9, 0}), "sm80");
}

/// Of tcgen05 a Hopper has nothing, and an RTX Blackwell neither.
TEST(VariantChoice, TakesTcgen05OnDatacentreBlackwell) {
  const GemmShape shape{.m = 256, .n = 256, .k = 256};
  for (const ElementType type : {ElementType::bf16, ElementType::tf32, ElementType::fp8_e4m3,
                                 ElementType::mxfp8, ElementType::mxfp4, ElementType::nvfp4}) {
    EXPECT_EQ(choice_of(type, shape, {10, 0}), "sm100") << to_string(type);
    const bool wide = type == ElementType::mxfp4 || type == ElementType::nvfp4;
    EXPECT_EQ(choice_of(type, shape, {10, 3}), wide ? "sm103" : "sm100") << to_string(type);
  }
  EXPECT_EQ(choice_of(ElementType::bf16, shape, {12, 0}), "sm80");
  EXPECT_EQ(choice_of(ElementType::fp32, shape, {10, 3}), "sm80");
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 16, .n = 8192, .k = 8192}, {10, 3}), "sm100");
  // Swapped operands waste no product of few rows.
  EXPECT_EQ(choice_of(ElementType::nvfp4, {.m = 16, .n = 8192, .k = 8192}, {10, 3}), "sm100");
  EXPECT_EQ(choice_of(ElementType::mxfp4, {.m = 16, .n = 8192, .k = 8192}, {10, 3}), "sm100");
  // Rows that the TMA unit cannot store.
  EXPECT_EQ(choice_of(ElementType::bf16, {.m = 16, .n = 8190, .k = 8192}, {10, 3}), "sm80_splitk");
}

TEST(VariantChoice, RefusesFp8BeforeComputeCapability89) {
  const GemmShape shape{.m = 256, .n = 256, .k = 256};
  const std::string reason = choice_of(ElementType::fp8_e5m2, shape, {8, 0});
  EXPECT_NE(reason.find("sm89: needs compute capability 8.9"), std::string::npos) << reason;
  EXPECT_NE(reason.find("sm80: has no kernel for fp8_e5m2"), std::string::npos) << reason;
  EXPECT_EQ(choice_of(ElementType::fp8_e5m2, shape, {8, 9}), "sm89_native");
}

/// sm_90 to sm_103 have no fp8 unit for mma.sync; rows of 252 bytes are not for the TMA unit.
TEST(VariantChoice, TakesTheFp8UnitWhereThereIsOne) {
  const GemmShape shape{.m = 256, .n = 256, .k = 256};
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, shape, {12, 0}), "sm120_native");
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, shape, {12, 1}), "sm120_native");
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, {.m = 1, .n = 8192, .k = 8192}, {8, 9}),
            "sm89_native_splitk");
  EXPECT_EQ(choice_of(ElementType::fp8_e4m3, {.m = 256, .n = 252, .k = 252}, {10, 0}), "sm89");
}

}  // namespace
}  // namespace rackproof::kernels::gemm
