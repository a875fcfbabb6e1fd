#pragma once
/// Loader and multiplier where an instruction multiplies 96 of K (sm_103a): steps of 48 bytes walk
/// over the stages of the ring as over one row without an end, so that two of eight begin in one
/// stage and end in the next. Scales do not divide as operands do and have a ring of their own.

#include "kernels/gemm/sm100/sm100_roles.cuh"

namespace rackproof::kernels::gemm::sm100 {

/// Steps that fill whole stages, three of them: what each does is known when it is compiled.
inline constexpr int kWideGroupSteps = 8;
static_assert(kWideGroupSteps * kWideStepBytes == 3 * kBankLineBytes, "a group ends with a stage");

/// Step number `index` of a group.
struct WideStep {
  int index;

  /// Of its stage's rows.
  [[nodiscard]] __device__ constexpr int first_byte() const {
    return index * kWideStepBytes % kBankLineBytes;
  }
  [[nodiscard]] __device__ constexpr bool begins_stage() const { return first_byte() == 0; }
  /// No later step reads the stage that it begins in.
  [[nodiscard]] __device__ constexpr bool leaves_stage() const {
    return first_byte() + kWideStepBytes >= kBankLineBytes;
  }
  [[nodiscard]] __device__ constexpr bool ends_in_next() const {
    return first_byte() + kWideStepBytes > kBankLineBytes;
  }
};

/// Rounded up: elements beyond K are zeros.
template <Sm100Tile Tile>
[[nodiscard]] __device__ __forceinline__ int wide_steps_of(const Sm100Arguments& arguments) {
  return (arguments.k + Tile.step_k() - 1) / Tile.step_k();
}

/// Copies this CTA's part of every tile into both rings, in the order in which steps need it.
template <Sm100Tile Tile>
class WideLoader {
 public:
  __device__ WideLoader(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                        std::uint32_t rank)
      : arguments_(arguments), shared_(shared), rank_(rank) {}

  __device__ __forceinline__ void operands(int stage, int row, int b_row) {
    const std::uint32_t full = begin(shared_.empty(stage_.index), stage_.parity,
                                     shared_.full(stage_.index), Tile.stage_bytes());
    const int k = stage * Tile.box_columns();
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.a(stage_.index), &arguments_.a, k, row, full);
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.b(stage_.index), &arguments_.b, k, b_row, full);
    stage_.advance();
  }

  __device__ __forceinline__ void scales(int stage, int row, int column) {
    constexpr int kStageElements = Tile.scale_words() * kScaleBlockBytes / kBlockMapElementBytes;
    const std::uint32_t full = begin(shared_.scales_empty(scales_.index), scales_.parity,
                                     shared_.scales_full(scales_.index), Tile.scale_bytes());
    const int k = stage * kStageElements;
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.a_scales(scales_.index), &arguments_.a_scales, k,
                                         row / kScaleRows, full);
    ptx::tma_load_2d_of_group<Tile.ctas>(shared_.b_scales(scales_.index), &arguments_.b_scales, k,
                                         column / kScaleRows, full);
    scales_.advance();
  }

  /// The matrix unit's last arrivals find this CTA's barriers alive.
  __device__ __forceinline__ void finish() {
    for (int stage = 0; stage < Tile.stages; ++stage) {
      ptx::mbarrier_wait(shared_.empty(stage_.index), stage_.parity ^ 1U);
      stage_.advance();
    }
    for (int stage = 0; stage < Tile.scale_stages; ++stage) {
      ptx::mbarrier_wait(shared_.scales_empty(scales_.index), scales_.parity ^ 1U);
      scales_.advance();
    }
  }

 private:
  /// The barrier at which copies into the stage arrive, once it is free.
  __device__ __forceinline__ std::uint32_t begin(std::uint32_t empty, std::uint32_t parity,
                                                 std::uint32_t full, std::uint32_t bytes) const {
    ptx::mbarrier_wait(empty, parity ^ 1U);
    if (rank_ == 0) {
      ptx::mbarrier_arrive_expect_bytes(full, Tile.ctas * bytes);
    }
    return Tile.ctas == 1 ? full : ptx::cluster_address(full, 0);
  }

  const Sm100Arguments& arguments_;
  const SharedLayout<Tile>& shared_;
  std::uint32_t rank_;
  RingPlace<Tile.stages> stage_;
  RingPlace<Tile.scale_stages> scales_;
};

template <Sm100Tile Tile>
__device__ __forceinline__ void load_wide(const Sm100Arguments& arguments,
                                          const SharedLayout<Tile>& shared, std::uint32_t rank) {
  ptx::prefetch_tensor_map(&arguments.a);
  ptx::prefetch_tensor_map(&arguments.b);
  const int steps = wide_steps_of<Tile>(arguments);
  WideLoader<Tile> loader(arguments, shared, rank);
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const TileIndex tile = walk.current().tile;
    const int row = tile.m * Tile.tile_m() + static_cast<int>(rank) * kCtaRows;
    const int column = tile.n * Tile.tile_n;
    const int b_row = column + static_cast<int>(rank) * Tile.b_rows();
    int stages = 0;
    int scale_stages = 0;
    for (int group = 0; group < steps; group += kWideGroupSteps) {
#pragma unroll
      for (int i = 0; i < kWideGroupSteps; ++i) {
        const WideStep step{i};
        if (group + i >= steps) {
          break;
        }
        if (i % Tile.steps_of_scales() == 0) {
          loader.scales(scale_stages++, row, column);
        }
        if (step.begins_stage() || step.ends_in_next()) {
          loader.operands(stages++, row, b_row);
        }
      }
    }
  }
  loader.finish();
}

/// Multiplies every step of every tile, for all CTAs of the group.
template <Sm100Tile Tile>
__device__ __forceinline__ void multiply_wide(const Sm100Arguments& arguments,
                                              const SharedLayout<Tile>& shared,
                                              const TensorLayout<Tile>& tensor) {
  const int steps = wide_steps_of<Tile>(arguments);
  RingPlace<Tile.stages> place;
  RingPlace<Tile.scale_stages> scales;
  std::uint32_t count = 0;
  const std::uint32_t instruction = arguments.instruction | ptx::kInstructionK96;
  const auto wait_full = [](std::uint32_t barrier, std::uint32_t parity) {
    ptx::mbarrier_wait(barrier, parity);
    ptx::tcgen05_after_sync();
  };
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const std::uint32_t index = count % kAccumulators;
    wait_drained(shared, count);
    for (int group = 0; group < steps; group += kWideGroupSteps) {
#pragma unroll
      for (int i = 0; i < kWideGroupSteps; ++i) {
        const WideStep step{i};
        if (group + i >= steps) {
          break;
        }
        if (i % Tile.steps_of_scales() == 0) {
          wait_full(shared.scales_full(scales.index), scales.parity);
          copy_scales(shared, tensor, scales.index);
          ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index));
          scales.advance();
        }
        if (step.begins_stage()) {
          wait_full(shared.full(place.index), place.parity);
        }
        const std::uint32_t first = place.index;
        if (step.leaves_stage()) {
          place.advance();
        }
        if (step.ends_in_next()) {
          wait_full(shared.full(place.index), place.parity);
        }
        const std::uint32_t last = step.ends_in_next() ? place.index : first;
        const int scale = i % Tile.steps_of_scales() * Tile.scales_of_step();
        const int word = scale / kScalesPerWord;
        ptx::Tcgen05Mma<Tile.kind, Tile.ctas>::multiply(
            tensor.accumulator(index),
            ptx::matrix_descriptor_k96(shared.a(first), step.first_byte(), shared.a(last)),
            ptx::matrix_descriptor_k96(shared.b(first), step.first_byte(), shared.b(last)),
            ptx::with_scale_bytes(instruction, scale % kScalesPerWord), tensor.a_scales(word),
            tensor.b_scales(word), group + i > 0);
        if (step.leaves_stage()) {
          ptx::tcgen05_commit<Tile.ctas>(shared.empty(first));
        }
      }
    }
    if (steps * kWideStepBytes % kBankLineBytes != 0) {
      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index));
      place.advance();
    }
    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index));
    ++count;
  }
}

}  // namespace rackproof::kernels::gemm::sm100
