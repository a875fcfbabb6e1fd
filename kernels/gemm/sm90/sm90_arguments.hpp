#pragma once
/// What the sm_90a kernel is launched with.

#include <cuda.h>

namespace rackproof::kernels::gemm::sm90 {

/// Boxes: A and B 128 bytes of K of tile_m rows and of the rows of B that one CTA loads; C and D a
/// panel (sm90_config.hpp).
struct Sm90Arguments {
  CUtensorMap a;
  CUtensorMap b;
  CUtensorMap c;  ///< not read if beta is 0
  CUtensorMap d;
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 1.0F;
  float beta = 0.0F;
};

}  // namespace rackproof::kernels::gemm::sm90
