/// bf16 and fp16 by wgmma of sm_90a.

#include "kernels/gemm/sm90/sm90_kernel.cuh"
#include "kernels/gemm/sm90/sm90_kernels.hpp"

#include <array>

namespace rackproof::kernels::gemm::sm90 {
namespace {

struct Bf16 {
  using Format = ptx::FormatBf16;
  using Result = __nv_bfloat16;
};
struct Fp16 {
  using Format = ptx::FormatFp16;
  using Result = __half;
};

/// The widest instruction reads A once for 256 columns; a larger tile does not fit the registers.
struct LargeTile {
  static constexpr Sm90Tile kTile{
      .tile_m = 128, .tile_n = 256, .element_bytes = 2, .stages = 4, .cluster = 2};
};
/// Half of it, for problems that would leave SMs without work.
struct SmallTile {
  static constexpr Sm90Tile kTile{
      .tile_m = 128, .tile_n = 128, .element_bytes = 2, .stages = 6, .cluster = 1};
};

}  // namespace

std::span<const GemmKernel> half_kernels(ElementType type) {
  static const std::array kBf16{
      describe_sm90_kernel<Bf16, LargeTile>("gemm_wgmma_bf16_128x256x64_cluster2"),
      describe_sm90_kernel<Bf16, SmallTile>("gemm_wgmma_bf16_128x128x64")};
  static const std::array kFp16{
      describe_sm90_kernel<Fp16, LargeTile>("gemm_wgmma_fp16_128x256x64_cluster2"),
      describe_sm90_kernel<Fp16, SmallTile>("gemm_wgmma_fp16_128x128x64")};
  return type == ElementType::bf16   ? std::span<const GemmKernel>(kBf16)
         : type == ElementType::fp16 ? std::span<const GemmKernel>(kFp16)
                                     : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm90
