#include "kernels/gemm/gemm_workload.hpp"

#include <gtest/gtest.h>

namespace rackproof::kernels::gemm {
namespace {

std::string_view chosen(GemmShape shape, int multiprocessors = 152) {
  return choose_tile(sm80_tensor_kernels(ElementType::bf16), shape, multiprocessors).name;
}

TEST(TileChoice, TakesTheLargeTileWhereItFillsTheDevice) {
  EXPECT_EQ(chosen({.m = 2432, .n = 2048, .k = 64}), "gemm_tensor_bf16_128x256x64");
  EXPECT_EQ(chosen({.m = 8192, .n = 8192, .k = 8192}), "gemm_tensor_bf16_128x256x64");
}

TEST(TileChoice, TakesTheSmallTileWhereSmsWouldIdle) {
  EXPECT_EQ(chosen({.m = 1, .n = 1, .k = 1}), "gemm_tensor_bf16_64x128x64");
  EXPECT_EQ(chosen({.m = 1024, .n = 1024, .k = 1024}), "gemm_tensor_bf16_64x128x64");
}

TEST(TileChoice, HasOneKernelForFp32) {
  EXPECT_EQ(sm80_simt_kernels().size(), 1U);
  EXPECT_TRUE(sm80_tensor_kernels(ElementType::fp32).empty());
}

}  // namespace
}  // namespace rackproof::kernels::gemm
