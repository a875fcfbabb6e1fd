#pragma once
/// The loader and the multiplier: one thread each.

#include "kernels/common/tensor_map.hpp"
#include "kernels/gemm/sm100/sm100_schedule.cuh"
#include "kernels/ptx/cluster.cuh"
#include "kernels/ptx/tcgen05.cuh"
#include "kernels/ptx/tcgen05_mma.cuh"
#include "kernels/ptx/tma_pair.cuh"

namespace rackproof::kernels::gemm::sm100 {

/// Copies this CTA's part of every K-tile of every tile into the ring.
template <Sm100Tile Tile>
__device__ __forceinline__ void load(const Sm100Arguments& arguments,
                                     const SharedLayout<Tile>& shared, std::uint32_t rank) {
  constexpr int kScaleElements = kScaleBlockBytes / kBlockMapElementBytes;
  ptx::prefetch_tensor_map(&arguments.a);
  ptx::prefetch_tensor_map(&arguments.b);
  const int columns = columns_of<Tile>(arguments);
  const int stage_bytes = Tile.ctas * Tile.stage_bytes() - (Tile.tile_n - columns) * kBankLineBytes;
  RingPlace<Tile.stages> place;
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const Work work = walk.current();
    const int row = work.tile.m * Tile.tile_m() + static_cast<int>(rank) * kCtaRows;
    const int column = work.tile.n * columns;
    const int b_row = column + static_cast<int>(rank) * Tile.b_rows();
    for (int k_tile = work.first_k_tile; k_tile < work.end_k_tile; ++k_tile) {
      ptx::mbarrier_wait(shared.empty(place.index), place.parity ^ 1U);
      if (rank == 0) {
        ptx::mbarrier_arrive_expect_bytes(shared.full(place.index), stage_bytes);
      }
      const std::uint32_t full = Tile.ctas == 1 ? shared.full(place.index)
                                                : ptx::cluster_address(shared.full(place.index), 0);
      const int k = k_tile * Tile.box_columns();
      ptx::tma_load_2d_of_group<Tile.ctas>(shared.a(place.index), &arguments.a, k, row, full);
      ptx::tma_load_2d_of_group<Tile.ctas>(shared.b(place.index), &arguments.b, k, b_row, full);
      if constexpr (Tile.scaled()) {
        const int scales = k_tile * Tile.scale_words() * kScaleElements;
        ptx::tma_load_2d_of_group<Tile.ctas>(shared.a_scales(place.index), &arguments.a_scales,
                                             scales, row / kScaleRows, full);
        ptx::tma_load_2d_of_group<Tile.ctas>(shared.b_scales(place.index), &arguments.b_scales,
                                             scales, column / kScaleRows, full);
      }
      place.advance();
    }
  }
  // The matrix unit's last arrivals find this CTA's barriers alive.
  for (int stage = 0; stage < Tile.stages; ++stage) {
    ptx::mbarrier_wait(shared.empty(place.index), place.parity ^ 1U);
    place.advance();
  }
}

/// A stage's scales into tensor memory.
template <Sm100Tile Tile>
__device__ __forceinline__ void copy_scales(const SharedLayout<Tile>& shared,
                                            const TensorLayout<Tile>& tensor, std::uint32_t stage) {
  // A descriptor counts in 16 bytes.
  constexpr std::uint64_t kWord = kScaleBlockBytes >> 4;
  const std::uint64_t a = ptx::scale_descriptor(shared.a_scales(stage));
  const std::uint64_t b = ptx::scale_descriptor(shared.b_scales(stage));
#pragma unroll
  for (int word = 0; word < Tile.scale_words(); ++word) {
    ptx::tmem_copy_scales<Tile.ctas>(tensor.a_scales(word), a + word * kWord);
#pragma unroll
    for (int block = 0; block < Tile.b_scale_blocks(); ++block) {
      ptx::tmem_copy_scales<Tile.ctas>(tensor.b_scales(word) + block * kScaleBlockColumns,
                                       b + (block * Tile.scale_words() + word) * kWord);
    }
  }
}

/// Adds one stage to an accumulator; `first`: overwrites it.
template <Sm100Tile Tile>
__device__ __forceinline__ void multiply_stage(const SharedLayout<Tile>& shared,
                                               const TensorLayout<Tile>& tensor,
                                               std::uint32_t stage, std::uint32_t accumulator,
                                               std::uint32_t instruction, bool first) {
  using Mma = ptx::Tcgen05Mma<Tile.kind, Tile.ctas>;
  const std::uint64_t a = ptx::matrix_descriptor(shared.a(stage));
  const std::uint64_t b = ptx::matrix_descriptor(shared.b(stage));
  if constexpr (Tile.scaled()) {
    copy_scales(shared, tensor, stage);
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::uint64_t offset = step * ptx::kMatrixStep;
    const bool accumulates = !first || step > 0;
    if constexpr (Tile.scaled()) {
      const int scale = step * Tile.scales_of_step();
      const int word = scale / kScalesPerWord;
      Mma::multiply(accumulator, a + offset, b + offset,
                    ptx::with_scale_bytes(instruction, scale % kScalesPerWord),
                    tensor.a_scales(word), tensor.b_scales(word), accumulates);
    } else {
      Mma::multiply(accumulator, a + offset, b + offset, instruction, accumulates);
    }
  }
}

/// Waits until tile number `count` may overwrite its accumulator.
template <Sm100Tile Tile>
__device__ __forceinline__ void wait_drained(const SharedLayout<Tile>& shared,
                                             std::uint32_t count) {
  if constexpr (Tile.shared_panels() == 0) {
    // The tile before the last one has been read.
    ptx::mbarrier_wait(shared.drained(count % kAccumulators), (count / kAccumulators & 1U) ^ 1U);
  } else if (count > 0) {
    // What the last tile shares has been read, and so has all of the one before.
    const std::uint32_t last = count - 1;
    ptx::mbarrier_wait(shared.drained(last % kAccumulators), last / kAccumulators & 1U);
  }
}

/// Multiplies every stage of every tile, for all CTAs of the group.
template <Sm100Tile Tile>
__device__ __forceinline__ void multiply(const Sm100Arguments& arguments,
                                         const SharedLayout<Tile>& shared,
                                         const TensorLayout<Tile>& tensor) {
  RingPlace<Tile.stages> place;
  std::uint32_t count = 0;
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const Work work = walk.current();
    const std::uint32_t index = count % kAccumulators;
    wait_drained(shared, count);
    for (int k_tile = work.first_k_tile; k_tile < work.end_k_tile; ++k_tile) {
      ptx::mbarrier_wait(shared.full(place.index), place.parity);
      ptx::tcgen05_after_sync();
      multiply_stage(shared, tensor, place.index, tensor.accumulator(index), arguments.instruction,
                     k_tile == work.first_k_tile);
      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));
      place.advance();
    }
    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index));
    ++count;
  }
}

}  // namespace rackproof::kernels::gemm::sm100
