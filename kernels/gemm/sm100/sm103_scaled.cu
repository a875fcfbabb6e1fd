/// mxfp4 and nvfp4 by the instructions of sm_103a that multiply 96 of K at once: half as many again
/// in the same time.

#include "kernels/gemm/sm100/sm100_describe.cuh"
#include "kernels/gemm/sm100/sm100_kernels.hpp"

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// Scales are as many elements of K ahead as the operands' five stages: 1280.
constexpr Sm100Tile wide(Sm100Tile tile) {
  tile.shares_k = false;
  tile.step_bytes = kWideStepBytes;
  tile.scale_stages = scale_interval(tile.kind) == 16 ? 7 : 4;
  return tile;
}
template <MatrixKind Kind>
struct PairWideTile {
  static constexpr Sm100Tile kTile = wide(PairTile<Kind, 2>::kTile);
};
template <MatrixKind Kind>
struct SingleWideTile {
  static constexpr Sm100Tile kTile = wide(SingleTile<Kind, 2>::kTile);
};
template <MatrixKind Kind>
struct PairsWideTile {
  static constexpr Sm100Tile kTile = two_pairs(PairWideTile<Kind>::kTile);
};

struct WideKernels {
  std::array<GemmKernel, 2> whole;
  std::array<GemmKernel, 1> multicast;
};

template <MatrixKind Kind>
WideKernels describe(std::string_view pair, std::string_view single, std::string_view two_pairs) {
  return {.whole = {describe_sm100_kernel<__nv_bfloat16, PairWideTile<Kind>>(pair),
                    describe_sm100_kernel<__nv_bfloat16, SingleWideTile<Kind>>(single)},
          .multicast = {describe_sm100_kernel<__nv_bfloat16, PairsWideTile<Kind>>(two_pairs)}};
}

const WideKernels& mxfp4_kernels() {
  static const WideKernels kKernels = describe<MatrixKind::mxf4>(
      "gemm_tcgen05_mxfp4_k96_256x256_pair", "gemm_tcgen05_mxfp4_k96_128x128",
      "gemm_tcgen05_mxfp4_k96_512x256_two_pairs");
  return kKernels;
}
const WideKernels& nvfp4_kernels() {
  static const WideKernels kKernels = describe<MatrixKind::mxf4nvf4>(
      "gemm_tcgen05_nvfp4_k96_256x256_pair", "gemm_tcgen05_nvfp4_k96_128x128",
      "gemm_tcgen05_nvfp4_k96_512x256_two_pairs");
  return kKernels;
}

}  // namespace

std::span<const GemmKernel> wide_kernels(ElementType type) {
  return type == ElementType::mxfp4   ? std::span<const GemmKernel>(mxfp4_kernels().whole)
         : type == ElementType::nvfp4 ? std::span<const GemmKernel>(nvfp4_kernels().whole)
                                      : std::span<const GemmKernel>{};
}

std::span<const GemmKernel> wide_multicast_kernels(ElementType type) {
  return type == ElementType::mxfp4   ? std::span<const GemmKernel>(mxfp4_kernels().multicast)
         : type == ElementType::nvfp4 ? std::span<const GemmKernel>(nvfp4_kernels().multicast)
                                      : std::span<const GemmKernel>{};
}

}  // namespace rackproof::kernels::gemm::sm100
