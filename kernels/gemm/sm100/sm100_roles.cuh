#pragma once
/// The loader and the multiplier: one thread each.

#include "kernels/gemm/sm100/sm100_copies.cuh"
#include "kernels/ptx/tcgen05.cuh"
#include "kernels/ptx/tcgen05_mma.cuh"

namespace rackproof::kernels::gemm::sm100 {

/// Copies this CTA's part of every K-tile of every tile into the ring.
template <Sm100Tile Tile>
__device__ __forceinline__ void load(const Sm100Arguments& arguments,
                                     const SharedLayout<Tile>& shared,
                                     const ClusterPlace<Tile>& cta) {
  const int missing_columns = Tile.tile_n - columns_of<Tile>(arguments);
  const int bytes = Tile.ctas * Tile.stage_bytes() - missing_columns * kBankLineBytes;
  TileCopies<Tile> copies(arguments, shared, cta);
  RingPlace<Tile.stages> place;
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const Work work = walk.current();
    copies.begin_tile(work.tile);
    for (int k_tile = work.first_k_tile; k_tile < work.end_k_tile; ++k_tile) {
      const std::uint32_t full =
          copies.begin(shared.empty(place.index), place.parity, shared.full(place.index), bytes);
      copies.operands(place.index, k_tile, full);
      if constexpr (Tile.scaled()) {
        copies.scales(place.index, k_tile, full);
      }
      place.advance();
    }
  }
  wait_until_empty(place, [&](std::uint32_t stage) { return shared.empty(stage); });
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
                                         const TensorLayout<Tile>& tensor,
                                         const ClusterPlace<Tile>& cta) {
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
      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index), cta.kEveryCta);
      place.advance();
    }
    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index), cta.own_group());
    ++count;
  }
}

}  // namespace rackproof::kernels::gemm::sm100
