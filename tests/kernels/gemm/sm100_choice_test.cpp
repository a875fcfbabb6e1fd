/// What the model of the tcgen05 kernels finds best, on a GB300.

#include "kernels/gemm/sm100/sm100_choice.hpp"

#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "runtime/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace rackproof::kernels::gemm::sm100 {
namespace {

constexpr DeviceLimits kGb300{.multiprocessors = 152, .shared_bytes_per_block = 227 * 1024};

TileChoice choice(ElementType type, GemmShape shape, Family family = Family::any) {
  return choose_kernel(family, GemmProblem(type, shape), kGb300);
}

TEST(Sm100Choice, LargeProblemsTakeThePair) {
  for (const std::int64_t side : {2048, 4096, 8192}) {
    const TileChoice large = choice(ElementType::bf16, {.m = side, .n = side, .k = side});
    EXPECT_EQ(large.kernel->name, "gemm_tcgen05_bf16_256x256x64_pair") << large.reason;
    // 256 tiles on 76 pairs are 3.4 rounds: whole ones would leave every sixth SM idle.
    EXPECT_EQ(large.split.whole(), side != 4096) << large.reason;
  }
}

/// What L2 delivers limits types of 4 bits: two pairs that share B need less of it. In 16 bits the
/// matrix unit needs as long, and the simpler pair stays.
TEST(Sm100Choice, LargeProblemsOfFourBitsShareB) {
  const GemmShape large{.m = 8192, .n = 8192, .k = 8192};
  EXPECT_EQ(choice(ElementType::nvfp4, large).kernel->name,
            "gemm_tcgen05_nvfp4_512x256x256_two_pairs");
  for (const ElementType type : {ElementType::nvfp4, ElementType::mxfp4}) {
    const TileChoice wide = choice(type, large, Family::wide);
    EXPECT_EQ(wide.kernel->cluster_m, 4) << wide.reason;
    EXPECT_NE(wide.reason.find("limited by copies from L2"), std::string::npos) << wide.reason;
    // Half of a cluster would multiply rows that do not exist.
    const TileChoice few = choice(type, {.m = 256, .n = 8192, .k = 8192}, Family::wide);
    EXPECT_LE(few.kernel->cluster_m, 2) << few.reason;
    EXPECT_EQ(
        choice(type, {.m = 256, .n = 8192, .k = 8192}, Family::wide_multicast).kernel->cluster_m,
        4);
  }
}

/// K-tiles of 256 of a CTA of a pair: 128 rows of A, 128 of B, their scales, of B's half. Of two
/// pairs half of B's.
TEST(Sm100Choice, CountsWhatAClusterSharesOnce) {
  const GemmProblem problem(ElementType::nvfp4, {.m = 512, .n = 256, .k = 256});
  const auto copies = [&](const GemmKernel& kernel) {
    return model(Candidate{&kernel, {}}, problem, kGb300).copies * 64;
  };
  EXPECT_EQ(copies(kernels(ElementType::nvfp4).front()), 2 * 128 * 128 + 2 * 2048);
  EXPECT_EQ(copies(multicast_kernels(ElementType::nvfp4).front()), 192 * 128 + 1.5 * 2048);
}

TEST(Sm100Choice, FewTilesOfShallowSumsStayWhole) {
  const TileChoice small = choice(ElementType::bf16, {.m = 1024, .n = 1024, .k = 1024});
  EXPECT_EQ(small.kernel->name, "gemm_tcgen05_bf16_128x128x64") << small.reason;
  EXPECT_TRUE(small.split.whole());
}

/// 64 tiles of 152 SMs: two slices of each are 128 CTAs.
TEST(Sm100Choice, FewRowsAreSwappedAndShareKWhereTilesAreFew) {
  const TileChoice decode = choice(ElementType::bf16, {.m = 16, .n = 8192, .k = 8192});
  EXPECT_EQ(decode.kernel->name, "gemm_tcgen05_bf16_swapped_16x128x64") << decode.reason;
  EXPECT_EQ(decode.split.slices, 2) << decode.reason;
  const TileChoice wide = choice(ElementType::bf16, {.m = 33, .n = 106496, .k = 16384});
  EXPECT_EQ(wide.kernel->name, "gemm_tcgen05_bf16_swapped_64x128x64") << wide.reason;
  EXPECT_TRUE(wide.split.whole()) << wide.reason;
}

TEST(Sm100Choice, OneTileOfADeepSumIsShared) {
  const TileChoice deep = choice(ElementType::nvfp4, {.m = 512, .n = 512, .k = 16384});
  EXPECT_GT(deep.split.slices, 4) << deep.reason;
}

/// A family chooses within itself, whatever the others would need.
TEST(Sm100Choice, FamiliesAreForced) {
  const GemmShape shape{.m = 48, .n = 4096, .k = 4096};
  EXPECT_FALSE(choice(ElementType::fp8_e4m3, shape, Family::fixed).kernel->swapped);
  EXPECT_TRUE(choice(ElementType::fp8_e4m3, shape, Family::swapped).split.whole());
  EXPECT_GT(choice(ElementType::fp8_e4m3, shape, Family::slices).split.slices, 1);
  EXPECT_GT(choice(ElementType::fp8_e4m3, shape, Family::streamed).split.stream_ctas, 1);
  EXPECT_EQ(
      family_declines(Family::slices, GemmProblem(ElementType::bf16, {.m = 16, .n = 64, .k = 511})),
      "slices need a K of at least 512, found 511");
}

/// The unit that limits is the slowest; the others show a tenth; ends are added.
TEST(Sm100Choice, ModelsTheSlowestUnit) {
  const GemmProblem problem(ElementType::bf16, {.m = 8192, .n = 8192, .k = 8192});
  const Candidate pair{&kernels(ElementType::bf16).front(), {}};
  const ModelledCycles cycles = model(pair, problem, kGb300);
  // 1,024 tiles on 76 pairs: 14 rounds of 128 K-tiles of 512 cycles.
  EXPECT_EQ(cycles.tensor, 14 * 128 * 512.0);
  EXPECT_EQ(cycles.copies, cycles.tensor);
  EXPECT_EQ(cycles.memory, 3 * 8192.0 * 8192 * 2 / 4000);
  EXPECT_EQ(cycles.total(), cycles.tensor + 0.1 * (cycles.copies + cycles.memory) + cycles.ends);
}

/// Stream-K's shares: all K-tiles, none twice, no CTA without work; `slices` bounds the pieces of a
/// tile, which the verification allows a rounding each.
TEST(StreamK, SharesEveryKTileOnce) {
  for (const GemmKernel* kernel :
       {&kernels(ElementType::bf16).front(), &swapped_kernels(ElementType::bf16).back()}) {
    for (const std::int64_t n : {100, 1000, 5000}) {
      for (const std::int64_t k : {64, 640, 6400}) {
        for (const int ctas : {2, 14, 152}) {
          const GemmShape shape{.m = 16, .n = n, .k = k};
          const KSplit split = stream_k(*kernel, shape, ctas);
          const std::int64_t clusters = split.stream_ctas / kernel->cluster_m;
          const std::int64_t share = split.k_tiles_per_slice;
          const std::int64_t k_tiles = k_tiles_of(*kernel, shape);
          const std::int64_t tiles = tiles_of(*kernel, shape) / kernel->cluster_m;
          EXPECT_EQ(split.stream_ctas % kernel->cluster_m, 0);
          EXPECT_LE(split.stream_ctas, ctas);
          EXPECT_GE(clusters * share, tiles * k_tiles);
          EXPECT_LT((clusters - 1) * share, tiles * k_tiles);
          std::int64_t most = 0;
          for (std::int64_t tile = 0; tile < tiles; ++tile) {
            const std::int64_t begin = tile * k_tiles;
            most = std::max(most, (begin + k_tiles - 1) / share - begin / share + 1);
          }
          EXPECT_GE(split.slices, most);
          EXPECT_LE(split.slices, most + 1);
        }
      }
    }
  }
}

TEST(Sm100Choice, SaysWhyAndWhatElseThereWas) {
  EXPECT_EQ(choice(ElementType::bf16, {.m = 16, .n = 8192, .k = 8192}).reason,
            "16x128 swapped in 2 slices: fewest modelled cycles on 152 SMs, limited by memory, of "
            "256x256 of a pair 78082, 128x128 74293, 16x128 swapped 42306, 256x256 of a pair in 2 "
            "slices 50807, 256x256 of a pair streamed over 152 CTAs 53879, 16x128 swapped in 2 "
            "slices 39582, 16x128 swapped streamed over 152 CTAs 39518");
  const GemmProblem problem(ElementType::bf16, {.m = 16, .n = 128, .k = 128});
  EXPECT_THROW((void)choose_kernel(Family::any, problem,
                                   {.multiprocessors = 152, .shared_bytes_per_block = 99 * 1024}),
               runtime::NotAvailable);
}

}  // namespace
}  // namespace rackproof::kernels::gemm::sm100
