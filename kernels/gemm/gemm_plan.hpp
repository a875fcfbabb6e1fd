#pragma once
/// Sizing rules: from what a suite asks for and the device that was found to GEMM problems.

#include "kernels/gemm/gemm.hpp"

namespace rackproof::kernels::gemm {

/// What one wave of a kernel's tiles is on a device.
struct WaveTile {
  int m = 0;
  int n = 0;
  int blocks_per_sm = 1;
  int sms = 1;  ///< that compute it together
};

/// The M x N of `waves` full waves of tiles that is closest to a square.
[[nodiscard]] GemmShape full_waves(const WaveTile& tile, int multiprocessors, std::int64_t waves);

/// The largest square problem (a multiple of `multiple`) whose matrices fit into `bytes`; 0 if
/// none.
[[nodiscard]] std::int64_t largest_square(ElementType type, bool with_c, double bytes,
                                          std::int64_t multiple);

/// The plan of gemm_operation(), with the largest tile that each type has on the device.
[[nodiscard]] std::vector<PlannedProblem> plan_gemm(ParamReader& request,
                                                    const SizingContext& context,
                                                    WaveTile (*tile_of)(ElementType,
                                                                        const SizingContext&));

}  // namespace rackproof::kernels::gemm
