#pragma once
/// What the sm_100 kernel is launched with.

#include <cuda.h>

#include <cstdint>

namespace rackproof::kernels::gemm::sm100 {

/// Boxes: A and B 128 bytes of K of the rows that one CTA loads; scales those of a stage; C and D a
/// panel (sm100_config.hpp). For swapped operands A and B, with their scales, and m and n have
/// changed places; C and D have not.
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
  int columns = 0;      ///< of a tile of swapped operands: a multiple of 16

  // The rest is for tiles whose K-tiles are shared.
  /// With `streams` CTA (or pair) c has the K-tiles from c * shared_k_tiles on, counted over the
  /// tiles one after the other; else a tile is `slices` units of so many, the last one with what is
  /// left.
  bool streams = false;
  int slices = 1;
  int shared_k_tiles = 0;
  char* partials = nullptr;           ///< fp32 sums of pieces of tiles (sm100_pieces.cuh)
  std::uint32_t* arrivals = nullptr;  ///< one a tile and epilogue warp, 0 before and after a launch
};

}  // namespace rackproof::kernels::gemm::sm100
