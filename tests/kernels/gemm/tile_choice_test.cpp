#include "kernels/gemm/gemm_workload.hpp"
#include "runtime/error.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::gemm {
namespace {

constexpr DeviceLimits kGb300{.multiprocessors = 152, .shared_bytes_per_block = 227 * 1024};

std::string_view chosen(GemmShape shape, const DeviceLimits& limits = kGb300) {
  return choose_tile(sm80_tensor_kernels(ElementType::bf16), shape, limits).name;
}

TEST(TileChoice, TakesTheLargeTileWhereItFillsTheDevice) {
  EXPECT_EQ(chosen({.m = 2432, .n = 2048, .k = 64}), "gemm_tensor_bf16_128x256x64");
  EXPECT_EQ(chosen({.m = 8192, .n = 8192, .k = 8192}), "gemm_tensor_bf16_128x256x64");
}

TEST(TileChoice, TakesTheSmallTileWhereSmsWouldIdle) {
  EXPECT_EQ(chosen({.m = 1, .n = 1, .k = 1}), "gemm_tensor_bf16_64x128x64");
  EXPECT_EQ(chosen({.m = 1024, .n = 1024, .k = 1024}), "gemm_tensor_bf16_64x128x64");
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

}  // namespace
}  // namespace rackproof::kernels::gemm
