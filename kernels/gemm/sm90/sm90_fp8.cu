/// fp8 (e4m3 and e5m2) by wgmma of sm_90a, results in bf16; sums of all K in the matrix unit, with
/// its 13 fraction bits, or promoted to fp32 after every stage.

#include "kernels/gemm/sm90/sm90_kernel.cuh"
#include "kernels/gemm/sm90/sm90_kernels.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm90 {
namespace {

struct E4m3 {
  using Format = ptx::FormatE4m3;
  using Result = __nv_bfloat16;
};
struct E5m2 {
  using Format = ptx::FormatE5m2;
  using Result = __nv_bfloat16;
};

/// Two blocks of 64 x 128 a consumer share the registers for the sums of a stage.
struct PromotedTile {
  static constexpr Sm90Tile kTile{.tile_m = 256,
                                  .tile_n = 128,
                                  .element_bytes = 1,
                                  .stages = 4,
                                  .cluster = 2,
                                  .promoted = true};
};
struct SmallPromotedTile {
  static constexpr Sm90Tile kTile{.tile_m = 128,
                                  .tile_n = 128,
                                  .element_bytes = 1,
                                  .stages = 6,
                                  .cluster = 1,
                                  .promoted = true};
};
struct FastTile {
  static constexpr Sm90Tile kTile{
      .tile_m = 128, .tile_n = 256, .element_bytes = 1, .stages = 4, .cluster = 2};
};

}  // namespace

std::span<const GemmKernel> fp8_kernels(ElementType type) {
  static const std::array kE4m3{
      describe_sm90_kernel<E4m3, PromotedTile>("gemm_wgmma_fp8_e4m3_256x128x128_promoted_cluster2"),
      describe_sm90_kernel<E4m3, SmallPromotedTile>("gemm_wgmma_fp8_e4m3_128x128x128_promoted")};
  static const std::array kE5m2{
      describe_sm90_kernel<E5m2, PromotedTile>("gemm_wgmma_fp8_e5m2_256x128x128_promoted_cluster2"),
      describe_sm90_kernel<E5m2, SmallPromotedTile>("gemm_wgmma_fp8_e5m2_128x128x128_promoted")};
  return type == ElementType::fp8_e4m3   ? std::span<const GemmKernel>(kE4m3)
         : type == ElementType::fp8_e5m2 ? std::span<const GemmKernel>(kE5m2)
                                         : std::span<const GemmKernel>{};
}

std::span<const GemmKernel> fast_fp8_kernels(ElementType type) {
  static const std::array kE4m3{
      describe_sm90_kernel<E4m3, FastTile>("gemm_wgmma_fp8_e4m3_128x256x128_cluster2")};
  static const std::array kE5m2{
      describe_sm90_kernel<E5m2, FastTile>("gemm_wgmma_fp8_e5m2_128x256x128_cluster2")};
  return type == ElementType::fp8_e4m3   ? std::span<const GemmKernel>(kE4m3)
         : type == ElementType::fp8_e5m2 ? std::span<const GemmKernel>(kE5m2)
                                         : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm90
