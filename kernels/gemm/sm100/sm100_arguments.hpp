#pragma once
/// What the sm_100 kernel is launched with.

#include <cuda.h>

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

/// Boxes: A and B 128 bytes of K of the rows that one CTA loads; scales those of a stage; C and D a
/// panel (sm100_config.hpp).
struct Sm100Arguments {
  CUtensorMap a;
  CUtensorMap b;
  CUtensorMap a_scales;  ///< these two only of block-scaled types
  CUtensorMap b_scales;
  CUtensorMap c;  ///< not read if beta is 0
  CUtensorMap d;
  int m = 0;
  int n = 0;
  int k = 0;
  float alpha = 1.0F;
  float beta = 0.0F;
  std::uint32_t instruction = 0;  ///< instruction descriptor
  bool steals = false;  ///< tiles are those of clusters that have not started; else strided
};

}  // namespace rackproof::kernels::gemm::sm100
