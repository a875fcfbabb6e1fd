/// Counts of work on the emulator against the minimum that the algorithm needs: they tell without
/// a clock whether the kernel wastes shared-memory cycles, memory sectors or matrix instructions.

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>

namespace {

struct Case {
  std::string kernel;
  std::string symbol;  ///< part of the mangled name
  std::uint64_t tile_m;
  std::uint64_t tile_n;
  std::uint64_t tile_k;
  std::uint64_t warps;
  std::uint64_t element_bytes;
  std::uint64_t result_bytes;
  std::string flops;  ///< the counter that all multiply-adds are in
};

void PrintTo(const Case& instance, std::ostream* stream) {
  *stream << instance.kernel;
}

constexpr std::uint64_t kTilesM = 2;
constexpr std::uint64_t kTilesN = 2;
constexpr std::uint64_t kTilesK = 5;

/// Runs `kernel` once in a process of its own and returns the emulator's counters of `symbol`.
/// `setting`: environment of the process.
nlohmann::json count_launch(const std::string& setting, const std::string& kernel,
                            const std::string& symbol, std::uint64_t m, std::uint64_t n,
                            std::uint64_t k, int slices = 1) {
  const std::string file =
      testing::TempDir() + "counters_" + kernel + "_" + std::to_string(getpid()) + ".json";
  std::remove(file.c_str());
  const std::string command = setting + " RACKPROOF_EMULATOR_COUNTERS='" + file +
                              "' '" LAUNCH_GEMM "' " + kernel + " " + std::to_string(m) + " " +
                              std::to_string(n) + " " + std::to_string(k) + " " +
                              std::to_string(slices);
  EXPECT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(concurrency-mt-unsafe)
  const nlohmann::json document = nlohmann::json::parse(std::ifstream(file));
  for (const auto& found : document.at("kernels")) {
    if (found.at("name").get<std::string>().find(symbol) != std::string::npos) {
      return found.at("counters");
    }
  }
  ADD_FAILURE() << "no kernel named like " << symbol << " in " << file;
  return {};
}

/// 2 x 2 tiles over 5 K-tiles.
nlohmann::json count(const Case& instance) {
  return count_launch("", instance.kernel, instance.symbol, kTilesM * instance.tile_m,
                      kTilesN * instance.tile_n, kTilesK * instance.tile_k);
}

/// 4 x 2 tiles over 5 K-tiles, operands and results by TMA.
struct BulkCase {
  std::string rack;
  std::string kernel;
  std::string symbol;  ///< part of the mangled name
  std::uint64_t tile_m;
  std::uint64_t tile_n;
  std::uint64_t tile_k;
  std::uint64_t sharing;  ///< CTAs (or pairs) among which a load of B is multicast
  /// Of 128 rows' scales in a K-tile; copied for a tile, and held by all of its CTAs, so many
  /// times.
  std::uint64_t scale_block_bytes;
  std::uint64_t copied_blocks;
  std::uint64_t held_blocks;
  std::string flops;
  std::uint64_t row_bytes = 128;  ///< of a K-tile
};

void PrintTo(const BulkCase& instance, std::ostream* stream) {
  *stream << instance.kernel;
}

/// Scales of nvfp4: 4 words of 128 rows in a K-tile of 256; by 768 of K 12, in mxfp4 6. Each CTA of
/// a pair holds those of its 128 rows of A and of all 256 rows of B, and copies half of the latter
/// for both; of two pairs, each pair copies every other K-tile's for all four CTAs.
constexpr std::uint64_t kScaleBlockBytes = 4 * 512;
constexpr std::uint64_t kWideScaleBlockBytes = 12 * 512;
constexpr std::uint64_t kWideMxfp4ScaleBlockBytes = 6 * 512;
constexpr std::uint64_t kPairHolds = 2 * (1 + 2);
constexpr std::uint64_t kPairCopies = 2 * (1 + 1);
constexpr std::uint64_t kOneOfTwoPairsCopies = 2 + 1;

class GemmBulkWork : public testing::TestWithParam<BulkCase> {};
INSTANTIATE_TEST_SUITE_P(
    All, GemmBulkWork,
    testing::Values(BulkCase{"dgx-h100", "gemm_wgmma_bf16_128x256x64_cluster2", "gemm_sm90_kernel",
                             128, 256, 64, 2, 0, 0, 0, "mma_flops_f16"},
                    BulkCase{"dgx-h100", "gemm_wgmma_fp16_128x128x64", "gemm_sm90_kernel", 128, 128,
                             64, 1, 0, 0, 0, "mma_flops_f16"},
                    BulkCase{"dgx-h100", "gemm_wgmma_fp8_e4m3_256x128x128_promoted_cluster2",
                             "gemm_sm90_kernel", 256, 128, 128, 2, 0, 0, 0, "mma_flops_fp8"},
                    BulkCase{"gb300-nvl72", "gemm_tcgen05_bf16_256x256x64_pair",
                             "gemm_sm100_kernel", 256, 256, 64, 1, 0, 0, 0, "mma_flops_f16"},
                    BulkCase{"gb300-nvl72", "gemm_tcgen05_bf16_512x256x64_two_pairs",
                             "gemm_sm100_kernel", 256, 256, 64, 2, 0, 0, 0, "mma_flops_f16"},
                    BulkCase{"gb300-nvl72", "gemm_tcgen05_nvfp4_256x256x256_pair",
                             "gemm_sm100_kernel", 256, 256, 256, 1, kScaleBlockBytes, kPairCopies,
                             kPairHolds, "mma_flops_fp4"},
                    BulkCase{"gb300-nvl72", "gemm_tcgen05_nvfp4_k96_512x256_two_pairs",
                             "gemm_sm100_kernel", 256, 256, 768, 2, kWideScaleBlockBytes,
                             kOneOfTwoPairsCopies, kPairHolds, "mma_flops_fp4", 384},
                    BulkCase{"gb300-nvl72", "gemm_tcgen05_mxfp4_k96_128x128", "gemm_sm100_kernel",
                             128, 128, 768, 1, kWideMxfp4ScaleBlockBytes, 2, 2, "mma_flops_fp4",
                             384}),
    [](const auto& instance) { return instance.param.kernel; });

/// No product twice; A once a tile, B once a cluster or pair; results once; no bank conflict in
/// panels.
TEST_P(GemmBulkWork, IsTheMinimumOfTheTiles) {
  constexpr std::uint64_t kRows = 4;
  constexpr std::uint64_t kColumns = 2;
  const BulkCase& gemm = GetParam();
  const std::uint64_t m = kRows * gemm.tile_m;
  const std::uint64_t n = kColumns * gemm.tile_n;
  const std::uint64_t k = kTilesK * gemm.tile_k;
  const nlohmann::json counters =
      count_launch("RACKPROOF_EMULATOR_RACK=" + gemm.rack, gemm.kernel, gemm.symbol, m, n, k);
  EXPECT_EQ(counters.at(gemm.flops).get<double>(), 2 * static_cast<double>(m * n * k));
  const std::uint64_t stages = kRows * kColumns * kTilesK;
  EXPECT_EQ(counters.at("bulk_load_bytes").get<std::uint64_t>(),
            stages * ((gemm.tile_m + gemm.tile_n / gemm.sharing) * gemm.row_bytes +
                      gemm.copied_blocks * gemm.scale_block_bytes));
  EXPECT_EQ(counters.at("bulk_shared_bytes").get<std::uint64_t>(),
            stages * ((gemm.tile_m + gemm.tile_n) * gemm.row_bytes +
                      gemm.held_blocks * gemm.scale_block_bytes));
  EXPECT_EQ(counters.at("bulk_store_bytes").get<std::uint64_t>(), m * n * 2);
  EXPECT_EQ(counters.at("global_requests").get<std::uint64_t>(), 0U);
  EXPECT_EQ(counters.at("shared_wavefronts"), counters.at("shared_wavefronts_minimum"));
}

/// Swapped operands of sm_100f: kernel, rows, slices (below 0: CTAs that stream).
struct SwappedCase {
  std::string kernel;
  std::uint64_t rows;
  std::uint64_t tile_k;
  std::uint64_t k_tile_bytes;  ///< of scales, for the 128 rows of B and for those of A
  int slices;
  std::uint64_t pieces;  ///< in all, of tiles that are not whole
  std::string flops;
};

void PrintTo(const SwappedCase& instance, std::ostream* stream) {
  *stream << instance.kernel;
}

class GemmSwappedWork : public testing::TestWithParam<SwappedCase> {};
INSTANTIATE_TEST_SUITE_P(
    All, GemmSwappedWork,
    testing::Values(SwappedCase{"gemm_tcgen05_bf16_swapped_16x128x64", 16, 64, 0, 2, 6,
                                "mma_flops_f16"},
                    // 30 K-tiles for 4 CTAs: 8, 8, 8, 6; the borders cut tile 0, 1 and 2.
                    SwappedCase{"gemm_tcgen05_nvfp4_swapped_32x128x256", 32, 256, 4096, -4, 6,
                                "mma_flops_fp4"}),
    [](const auto& instance) { return instance.param.kernel; });

/// No product and no byte twice: B once, A once a tile, results once, partial sums once each way.
TEST_P(GemmSwappedWork, IsTheMinimumOfTheTiles) {
  constexpr std::uint64_t kTiles = 3;
  constexpr std::uint64_t kTileColumns = 128;
  constexpr std::uint64_t kKTiles = 10;
  constexpr std::uint64_t kLineBytes = 128;
  constexpr std::uint64_t kCounterBytes = 4;
  constexpr std::uint64_t kWarps = 4;
  const SwappedCase& gemm = GetParam();
  const std::uint64_t n = kTiles * kTileColumns;
  const std::uint64_t k = kKTiles * gemm.tile_k;
  const nlohmann::json counters = count_launch("RACKPROOF_EMULATOR_RACK=gb300-nvl72", gemm.kernel,
                                               "gemm_sm100_kernel", gemm.rows, n, k, gemm.slices);
  EXPECT_EQ(counters.at(gemm.flops).get<double>(), 2 * static_cast<double>(gemm.rows * n * k));
  EXPECT_EQ(counters.at("bulk_load_bytes").get<std::uint64_t>(),
            kTiles * kKTiles * ((kTileColumns + gemm.rows) * kLineBytes + gemm.k_tile_bytes));
  EXPECT_EQ(counters.at("bulk_store_bytes").get<std::uint64_t>(), gemm.rows * n * 2);
  const std::uint64_t partial_bytes = gemm.pieces * gemm.rows * kTileColumns * 4;
  // Every warp counts its pieces in; the last one writes a 0.
  EXPECT_EQ(counters.at("global_store_bytes").get<std::uint64_t>(),
            partial_bytes + (gemm.pieces + kTiles) * kWarps * kCounterBytes);
  EXPECT_EQ(counters.at("global_load_bytes").get<std::uint64_t>(),
            partial_bytes + gemm.pieces * kWarps * kCounterBytes);
  EXPECT_EQ(counters.at("global_sectors"), counters.at("global_sectors_minimum"));
  EXPECT_EQ(counters.at("shared_wavefronts"), counters.at("shared_wavefronts_minimum"));
}

class GemmWork : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(All, GemmWork,
                         testing::Values(Case{"gemm_tensor_bf16_128x256x64", "gemm_tensor_kernel",
                                              128, 256, 64, 8, 2, 2, "mma_flops_f16"},
                                         Case{"gemm_tensor_fp16_64x128x64", "gemm_tensor_kernel",
                                              64, 128, 64, 4, 2, 2, "mma_flops_f16"},
                                         Case{"gemm_tensor_tf32_64x128x32", "gemm_tensor_kernel",
                                              64, 128, 32, 4, 4, 4, "mma_flops_tf32"},
                                         Case{"gemm_tensor_int8_64x128x128", "gemm_tensor_kernel",
                                              64, 128, 128, 4, 1, 4, "mma_ops_integer"},
                                         Case{"gemm_tensor_fp8_e4m3_64x128x128",
                                              "gemm_tensor_kernel", 64, 128, 128, 4, 1, 2,
                                              "mma_flops_f16"},
                                         Case{"gemm_tensor_fp64_128x64x16", "gemm_fp64_kernel", 128,
                                              64, 16, 8, 8, 8, "mma_flops_f64"},
                                         Case{"gemm_tensor_bf16_16x128x64", "gemm_tensor_kernel",
                                              16, 128, 64, 2, 2, 2, "mma_flops_f16"},
                                         Case{"gemm_simt_fp32_128x128x16", "gemm_simt_kernel", 128,
                                              128, 16, 8, 4, 4, "fp32_flops"}),
                         [](const auto& instance) { return instance.param.kernel; });

/// Operations are those of the definition: nothing is computed twice, nothing is padded.
TEST_P(GemmWork, DoesTheMinimumOfArithmetic) {
  const Case& gemm = GetParam();
  const nlohmann::json counters = count(gemm);
  const std::uint64_t multiply_adds =
      kTilesM * gemm.tile_m * kTilesN * gemm.tile_n * kTilesK * gemm.tile_k;
  const double scaling_flops =
      gemm.flops == "fp32_flops"
          ? static_cast<double>(kTilesM * gemm.tile_m * kTilesN * gemm.tile_n)  // alpha
          : 0;
  EXPECT_EQ(counters.at(gemm.flops).get<double>(),
            2 * static_cast<double>(multiply_adds) + scaling_flops);
}

/// Each CTA copies its A and B rows once; the bytes of a wave's operands arrive by cp.async.
TEST_P(GemmWork, CopiesEachOperandOncePerTile) {
  const Case& gemm = GetParam();
  const nlohmann::json counters = count(gemm);
  const std::uint64_t per_k_tile = (gemm.tile_m + gemm.tile_n) * gemm.tile_k * gemm.element_bytes;
  EXPECT_EQ(counters.at("async_copy_bytes").get<std::uint64_t>(),
            kTilesM * kTilesN * kTilesK * per_k_tile);
}

/// No bank conflict anywhere: a warp's 16-byte accesses (fragments, copies, epilogue reads) take
/// four wavefronts of 128 bytes, its 8-byte stores (epilogue) two.
TEST_P(GemmWork, HasNoBankConflicts) {
  const nlohmann::json counters = count(GetParam());
  const nlohmann::json& instructions = counters.at("warp_instructions");
  const auto loads = instructions.at("load_shared").get<std::uint64_t>();
  const auto stores = instructions.at("store_shared").get<std::uint64_t>();
  const auto copied_bytes = counters.at("async_copy_bytes").get<std::uint64_t>();
  EXPECT_GT(loads, 0U);
  EXPECT_EQ(counters.at("shared_wavefronts").get<std::uint64_t>(),
            4 * loads + 2 * stores + copied_bytes / 128);
}

/// Global accesses cover whole 32-byte sectors, and results are stored once.
TEST_P(GemmWork, UsesWholeSectors) {
  const Case& gemm = GetParam();
  const nlohmann::json counters = count(gemm);
  EXPECT_EQ(counters.at("global_store_bytes").get<std::uint64_t>(),
            kTilesM * gemm.tile_m * kTilesN * gemm.tile_n * gemm.result_bytes);
  const std::uint64_t bytes = counters.at("global_store_bytes").get<std::uint64_t>() +
                              counters.at("global_load_bytes").get<std::uint64_t>();
  EXPECT_EQ(counters.at("global_sectors").get<std::uint64_t>(), bytes / 32);
}

}  // namespace
