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
template <Sm100Tile Tile>
struct WideStep {
  int index;
  bool is_first;  ///< of the tile

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
  [[nodiscard]] __device__ constexpr bool ends_stage() const {
    return first_byte() + kWideStepBytes == kBankLineBytes;
  }

  [[nodiscard]] __device__ constexpr bool begins_scales() const {
    return index % Tile.steps_of_scales() == 0;
  }
  /// Of a row's scales in their stage.
  [[nodiscard]] __device__ constexpr int first_scale() const {
    return index % Tile.steps_of_scales() * Tile.scales_of_step();
  }
};

/// Calls `visit(step)` for every step of a tile; K is rounded up, elements beyond it are zeros.
template <Sm100Tile Tile, typename Visit>
__device__ __forceinline__ void for_each_wide_step(const Sm100Arguments& arguments,
                                                   const Visit& visit) {
  const int steps = (arguments.k + Tile.step_k() - 1) / Tile.step_k();
  for (int group = 0; group < steps; group += kWideGroupSteps) {
#pragma unroll
    for (int i = 0; i < kWideGroupSteps; ++i) {
      if (group + i >= steps) {
        break;
      }
      visit(WideStep<Tile>{.index = i, .is_first = group + i == 0});
    }
  }
}

/// Copies this CTA's part of every tile into both rings, in the order in which steps need it.
template <Sm100Tile Tile>
class WideLoader {
 public:
  __device__ WideLoader(const Sm100Arguments& arguments, const SharedLayout<Tile>& shared,
                        const ClusterPlace<Tile>& cta)
      : shared_(shared), copies_(arguments, shared, cta) {}

  __device__ __forceinline__ void begin_tile(const TileIndex& tile) { copies_.begin_tile(tile); }

  __device__ __forceinline__ void operands(int k_tile) {
    const std::uint32_t full =
        copies_.begin(shared_.empty(stage_.index), stage_.parity, shared_.full(stage_.index),
                      Tile.ctas * Tile.stage_bytes());
    copies_.operands(stage_.index, k_tile, full);
    stage_.advance();
  }

  __device__ __forceinline__ void scales(int number) {
    const std::uint32_t full =
        copies_.begin(shared_.scales_empty(scales_.index), scales_.parity,
                      shared_.scales_full(scales_.index), Tile.ctas * Tile.scale_bytes());
    copies_.scales(scales_.index, number, full);
    scales_.advance();
  }

  __device__ __forceinline__ void finish() const {
    wait_until_empty(stage_, [&](std::uint32_t stage) { return shared_.empty(stage); });
    wait_until_empty(scales_, [&](std::uint32_t stage) { return shared_.scales_empty(stage); });
  }

 private:
  const SharedLayout<Tile>& shared_;
  TileCopies<Tile> copies_;
  RingPlace<Tile.stages> stage_;
  RingPlace<Tile.scale_stages> scales_;
};

template <Sm100Tile Tile>
__device__ __forceinline__ void load_wide(const Sm100Arguments& arguments,
                                          const SharedLayout<Tile>& shared,
                                          const ClusterPlace<Tile>& cta) {
  WideLoader<Tile> loader(arguments, shared, cta);
  for (WorkWalk<Tile, 1> walk(arguments, shared); !walk.ended(); walk.advance()) {
    loader.begin_tile(walk.current().tile);
    int k_tiles = 0;
    int scale_stages = 0;
    for_each_wide_step<Tile>(arguments, [&](const WideStep<Tile>& step) {
      if (step.begins_scales()) {
        loader.scales(scale_stages++);
      }
      if (step.begins_stage() || step.ends_in_next()) {
        loader.operands(k_tiles++);
      }
    });
  }
  loader.finish();
}

/// Multiplies every step of every tile, for all CTAs of the group.
template <Sm100Tile Tile>
__device__ __forceinline__ void multiply_wide(const Sm100Arguments& arguments,
                                              const SharedLayout<Tile>& shared,
                                              const TensorLayout<Tile>& tensor,
                                              const ClusterPlace<Tile>& cta) {
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
    bool inside_stage = false;
    wait_drained(shared, count);
    for_each_wide_step<Tile>(arguments, [&](const WideStep<Tile>& step) {
      if (step.begins_scales()) {
        wait_full(shared.scales_full(scales.index), scales.parity);
        copy_scales(shared, tensor, scales.index);
        ptx::tcgen05_commit<Tile.ctas>(shared.scales_empty(scales.index), cta.kEveryCta);
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
      const int scale = step.first_scale();
      const int word = scale / kScalesPerWord;
      ptx::Tcgen05Mma<Tile.kind, Tile.ctas>::multiply(
          tensor.accumulator(index),
          ptx::matrix_descriptor_k96(shared.a(first), step.first_byte(), shared.a(last)),
          ptx::matrix_descriptor_k96(shared.b(first), step.first_byte(), shared.b(last)),
          ptx::with_scale_bytes(instruction, scale % kScalesPerWord), tensor.a_scales(word),
          tensor.b_scales(word), !step.is_first);
      if (step.leaves_stage()) {
        ptx::tcgen05_commit<Tile.ctas>(shared.empty(first), cta.kEveryCta);
      }
      inside_stage = !step.ends_stage();
    });
    if (inside_stage) {
      ptx::tcgen05_commit<Tile.ctas>(shared.empty(place.index), cta.kEveryCta);
      place.advance();
    }
    ptx::tcgen05_commit<Tile.ctas>(shared.accumulated(index), cta.own_group());
    ++count;
  }
}

}  // namespace rackproof::kernels::gemm::sm100
