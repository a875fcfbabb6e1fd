#pragma once
/// The kernel for sm_90a: one warpgroup copies tiles by TMA, two multiply them by wgmma and store
/// results by TMA; persistent CTAs, in clusters that share B. README.md has the roles and budgets.

#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/sm90/sm90_arguments.hpp"
#include "kernels/gemm/sm90/sm90_config.hpp"
#include "kernels/gemm/sm90/sm90_epilogue.cuh"
#include "kernels/gemm/sm90/sm90_launch.hpp"
#include "kernels/gemm/sm90/sm90_pipeline.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/wgmma.cuh"

namespace rackproof::kernels::gemm::sm90 {

/// One thread copies every K-tile of every tile into the ring.
template <Sm90Tile Tile>
__device__ __forceinline__ void produce(const Sm90Arguments& arguments,
                                        const SharedLayout<Tile>& shared) {
  constexpr auto kEveryCta = static_cast<std::uint16_t>((1U << Tile.cluster) - 1);
  const int k_tiles = (arguments.k + Tile.tile_k() - 1) / Tile.tile_k();
  ptx::prefetch_tensor_map(&arguments.a);
  ptx::prefetch_tensor_map(&arguments.b);
  RingPlace<Tile.stages> place;
  for (TileSequence<Tile> tiles(arguments.m, arguments.n); !tiles.ended(); tiles.advance()) {
    const TileIndex tile = tiles.current();
    const int first_row = tile.m * Tile.tile_m;
    const int first_column = tile.n * Tile.tile_n;
    for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
      // Of the other parity: the phase before the first one counts as ended.
      ptx::mbarrier_wait(shared.empty(place.stage), place.parity ^ 1U);
      const std::uint32_t full = shared.full(place.stage);
      ptx::mbarrier_arrive_expect_bytes(full, Tile.stage_bytes());
      ptx::tma_load_2d(shared.a(place.stage), &arguments.a, k_tile * Tile.tile_k(), first_row,
                       full);
      if constexpr (Tile.cluster == 1) {
        ptx::tma_load_2d(shared.b(place.stage), &arguments.b, k_tile * Tile.tile_k(), first_column,
                         full);
      } else {
        const int part = tiles.rank() * Tile.shared_rows();
        ptx::tma_load_2d_multicast(shared.b(place.stage) + part * kBankLineBytes, &arguments.b,
                                   k_tile * Tile.tile_k(), first_column + part, full, kEveryCta);
      }
      place.advance();
    }
  }
}

/// Tells every CTA that copied into the stage that this warp has read it.
template <Sm90Tile Tile>
__device__ __forceinline__ void release(const SharedLayout<Tile>& shared, std::uint32_t stage) {
  const unsigned lane = threadIdx.x % kWarpSize;
  if (lane < Tile.cluster) {
    ptx::mbarrier_arrive_at(shared.empty(stage), lane);
  }
}

/// Adds one K-tile to `sums` for a block of 64 rows whose A starts at `a`.
template <typename Format, int Groups>
__device__ __forceinline__ void multiply_stage(float (&sums)[Groups][4], std::uint32_t a,
                                               std::uint32_t b, bool accumulate) {
  const std::uint64_t a_descriptor = ptx::wgmma_descriptor(a);
  const std::uint64_t b_descriptor = ptx::wgmma_descriptor(b);
  constexpr int kSteps = kBankLineBytes / 32;
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    ptx::Wgmma<Format>::multiply(sums, a_descriptor + step * ptx::kWgmmaStep,
                                 b_descriptor + step * ptx::kWgmmaStep, accumulate || step > 0);
  }
}

/// Accumulators of one consumer.
template <Sm90Tile Tile>
using Sums = float[Tile.row_blocks()][Tile.tile_n / 8][4];

/// Sums of a tile in the accumulators of the matrix unit: a stage is multiplied while the one
/// before it finishes and is released.
template <typename Format, Sm90Tile Tile>
__device__ __forceinline__ void accumulate(Sums<Tile>& sums, const SharedLayout<Tile>& shared,
                                           RingPlace<Tile.stages>& place, int k_tiles,
                                           std::uint32_t a_offset) {
  std::uint32_t multiplied = 0;
  for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
    ptx::mbarrier_wait(shared.full(place.stage), place.parity);
    ptx::wgmma_fence();
#pragma unroll
    for (int block = 0; block < Tile.row_blocks(); ++block) {
      multiply_stage<Format>(
          sums[block], shared.a(place.stage) + a_offset + block * kInstructionM * kBankLineBytes,
          shared.b(place.stage), k_tile > 0);
    }
    ptx::wgmma_commit();
    if (k_tile > 0) {
      ptx::wgmma_wait<1>();
      release(shared, multiplied);
    }
    multiplied = place.stage;
    place.advance();
  }
  ptx::wgmma_wait<0>();
#pragma unroll
  for (int block = 0; block < Tile.row_blocks(); ++block) {
    ptx::wgmma_hold(sums[block]);
  }
  release(shared, multiplied);
}

/// Sums of a tile in fp32: the matrix unit's sums of fp8 keep 13 fraction bits, so they hold one
/// stage at a time and are added here. The other consumer multiplies meanwhile.
template <typename Format, Sm90Tile Tile>
__device__ __forceinline__ void accumulate_promoted(Sums<Tile>& sums,
                                                    const SharedLayout<Tile>& shared,
                                                    RingPlace<Tile.stages>& place, int k_tiles,
                                                    std::uint32_t a_offset) {
  constexpr int kGroups = Tile.tile_n / 8;
#pragma unroll
  for (int block = 0; block < Tile.row_blocks(); ++block) {
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        sums[block][group][e] = 0.0F;
      }
    }
  }
  for (int k_tile = 0; k_tile < k_tiles; ++k_tile) {
    ptx::mbarrier_wait(shared.full(place.stage), place.parity);
#pragma unroll
    for (int block = 0; block < Tile.row_blocks(); ++block) {
      float stage_sums[kGroups][4];
      ptx::wgmma_hold(stage_sums);
      ptx::wgmma_fence();
      multiply_stage<Format>(
          stage_sums, shared.a(place.stage) + a_offset + block * kInstructionM * kBankLineBytes,
          shared.b(place.stage), false);
      ptx::wgmma_commit();
      ptx::wgmma_wait<0>();
      ptx::wgmma_hold(stage_sums);
      if (block == Tile.row_blocks() - 1) {
        release(shared, place.stage);
      }
#pragma unroll
      for (int group = 0; group < kGroups; ++group) {
#pragma unroll
        for (int e = 0; e < 4; ++e) {
          sums[block][group][e] += stage_sums[group][e];
        }
      }
    }
    place.advance();
  }
}

template <typename Types, Sm90Tile Tile>
__device__ __forceinline__ void consume(const Sm90Arguments& arguments,
                                        const SharedLayout<Tile>& shared, int consumer) {
  const int k_tiles = (arguments.k + Tile.tile_k() - 1) / Tile.tile_k();
  const int consumer_row = consumer * Tile.row_blocks() * kInstructionM;
  const auto a_offset = static_cast<std::uint32_t>(consumer_row * kBankLineBytes);
  Epilogue<Tile, typename Types::Result> epilogue(arguments, shared, consumer);
  RingPlace<Tile.stages> place;
  for (TileSequence<Tile> tiles(arguments.m, arguments.n); !tiles.ended(); tiles.advance()) {
    Sums<Tile> sums;
    if constexpr (Tile.promoted) {
      accumulate_promoted<typename Types::Format, Tile>(sums, shared, place, k_tiles, a_offset);
    } else {
      accumulate<typename Types::Format, Tile>(sums, shared, place, k_tiles, a_offset);
    }
    const TileIndex tile = tiles.current();
#pragma unroll
    for (int block = 0; block < Tile.row_blocks(); ++block) {
      epilogue.store(sums[block], tile.m * Tile.tile_m + consumer_row + block * kInstructionM,
                     tile.n * Tile.tile_n);
    }
  }
  epilogue.finish();
}

/// `Types` names the Format of the operands and the type of the Result.
template <typename Types, typename Config>
__global__ void __launch_bounds__(kThreads, 1)
    gemm_sm90_kernel(const __grid_constant__ Sm90Arguments arguments) {
  constexpr Sm90Tile kTile = Config::kTile;
  extern __shared__ __align__(1024) unsigned char memory[];
  const SharedLayout<kTile> shared{ptx::shared_address(memory)};
  if (threadIdx.x == 0) {
    shared.init_barriers();
  }
  ptx::cluster_sync();  // nobody copies to a barrier that does not exist yet
  const int warpgroup = static_cast<int>(threadIdx.x) / kWarpgroupThreads;
  if (warpgroup == 0) {
    ptx::decrease_registers<kProducerRegisters>();
    if (threadIdx.x < kWarpSize && ptx::elect_one()) {
      produce<kTile>(arguments, shared);
    }
    __syncwarp();
  } else {
    ptx::increase_registers<kConsumerRegisters>();
    consume<Types, kTile>(arguments, shared, warpgroup - 1);
  }
  ptx::cluster_sync();  // nobody copies to or arrives at a CTA that has ended
}

template <typename Types, typename Config>
GemmKernel describe_sm90_kernel(std::string_view name) {
  constexpr Sm90Tile kTile = Config::kTile;
  static_assert(ValidSm90Tile<kTile>::kValue);
  constexpr int kProductsOfOneInstruction = 32;
  return {.name = name,
          .function = reinterpret_cast<const void*>(&gemm_sm90_kernel<Types, Config>),
          .tile_m = kTile.tile_m,
          .tile_n = kTile.tile_n,
          .tile_k = kTile.tile_k(),
          .threads = kThreads,
          .shared_bytes = kTile.shared_bytes(),
          .cluster_m = kTile.cluster,
          .short_sums = kTile.element_bytes == 1
                            ? ShortSums{.step = kProductsOfOneInstruction,
                                        .interval = kTile.promoted ? kTile.tile_k() : 0}
                            : ShortSums{},
          .launch = &launch_sm90};
}

}  // namespace rackproof::kernels::gemm::sm90
