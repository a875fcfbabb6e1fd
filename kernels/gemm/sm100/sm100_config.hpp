#pragma once
/// Tiles of the sm_100 kernel as validated values, with their budgets of shared memory, tensor
/// memory and registers.

#include "kernels/common/block_scale.hpp"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/ptx/tcgen05_mma.cuh"

namespace rackproof::kernels::gemm::sm100 {

using ptx::MatrixKind;

/// Opt-in shared memory of one block on sm_100 (CUDA C++ Programming Guide, "Compute Capabilities":
/// 227 KB).
inline constexpr int kSharedLimitBytes = 227 * 1024;
/// Columns of tensor memory (PTX ISA 9.0, 9.7.16.1), and how few can be allocated.
inline constexpr int kTensorColumns = 512;
inline constexpr int kFewestTensorColumns = 32;

/// A role a warp. The epilogue's warps follow one another from a multiple of four: warp w reaches
/// lanes 32 * (w % 4) onwards of tensor memory.
inline constexpr int kLoaderWarp = 0;      ///< copies tiles of A and B by TMA
inline constexpr int kMultiplierWarp = 1;  ///< feeds the matrix unit; of a pair, in its first CTA
inline constexpr int kSchedulerWarp = 2;   ///< asks for further tiles; of a pair, in its first CTA
inline constexpr int kAllocatorWarp = 3;   ///< owns the tensor memory
inline constexpr int kFirstEpilogueWarp = 4;
inline constexpr int kEpilogueWarps = 4;
inline constexpr int kThreads = (kFirstEpilogueWarp + kEpilogueWarps) * kWarpSize;
static_assert(kFirstEpilogueWarp % 4 == 0, "the epilogue's warps reach lanes 0, 32, 64 and 96");

/// Rows of the result that one CTA computes: the lanes of tensor memory.
inline constexpr int kCtaRows = 128;
/// A row of a stage: the width of the 128-byte swizzle, in K-steps of one instruction each.
inline constexpr int kStepBytes = 32;
inline constexpr int kSteps = kBankLineBytes / kStepBytes;
/// The K-step of sm_103a: 96 elements of 4 bits. Stages follow one another without a seam: a step
/// may begin in one and end in the next.
inline constexpr int kWideStepBytes = 48;
/// Words of scales of a row that wide steps use up whole: 2 steps of 6 scales or 4 of 3.
inline constexpr int kWideScaleWords = 3;

/// Two tiles: the epilogue reads one while the other one is multiplied.
inline constexpr int kAccumulators = 2;
/// Answers of the scheduler: the loader is up to a tile and a ring ahead of the epilogue.
inline constexpr int kScheduleDepth = 3;

/// Results leave in panels of 32 rows x 128 bytes a warp: one box of the TMA unit.
inline constexpr int kPanelRows = kWarpSize;
inline constexpr int kPanelBytes = kPanelRows * kBankLineBytes;
/// Of each warp: one is filled while the other one is stored.
inline constexpr int kPanelBuffers = 2;

/// Results of swapped operands leave in panels of 16 columns x the warp's 32 lanes: rows of 64
/// bytes.
inline constexpr int kSwappedColumns = 16;
inline constexpr int kSwappedRowBytes = 64;

/// Of another CTA's sums a thread has so many loads of 16 bytes in flight.
inline constexpr int kPieceLoads = 8;
inline constexpr int kVectorRegisters = 4;

/// Scales lie in blocks of 128 rows x 4 scales of a byte each (block_scale.hpp), a word for each
/// row.
inline constexpr int kScaleRows = kScaleBlockRows;
inline constexpr int kScalesPerWord = kScaleBlockScales;
/// Columns of tensor memory that a block takes: 32 lanes x 4 columns of 4 bytes.
inline constexpr int kScaleBlockColumns = kScaleBlockBytes / kWarpSize / 4;

[[nodiscard]] __host__ __device__ constexpr int operand_bits(MatrixKind kind) {
  switch (kind) {
    case MatrixKind::f16:
      return 16;
    case MatrixKind::tf32:
      return 32;
    case MatrixKind::f8f6f4:
    case MatrixKind::mxf8f6f4:
      return 8;
    case MatrixKind::mxf4:
    case MatrixKind::mxf4nvf4:
      return 4;
  }
  return 0;
}

/// Elements of a row that share a scale; 0: there are no scales.
[[nodiscard]] __host__ __device__ constexpr int scale_interval(MatrixKind kind) {
  switch (kind) {
    case MatrixKind::mxf8f6f4:
    case MatrixKind::mxf4:
      return 32;
    case MatrixKind::mxf4nvf4:
      return 16;
    default:
      return 0;
  }
}

struct Sm100Tile {
  MatrixKind kind = MatrixKind::f16;
  int ctas = 1;    ///< that multiply together (cta_group): each has 128 rows and a part of B
  int groups = 1;  ///< of such CTAs in a cluster, one above the other: they share B
  int tile_n = 0;  ///< columns, of all of them; swapped: the most that a launch may name
  int stages = 0;
  int result_bytes = 2;
  /// Rows of B lie in the lanes and rows of A in the columns: few rows of A waste no product.
  bool swapped = false;
  /// CTAs (or pairs) may share the K-tiles of a tile.
  bool shares_k = false;
  int step_bytes = kStepBytes;  ///< of K, of one instruction
  int scale_stages = 0;         ///< wide steps: scales have a ring of their own

  [[nodiscard]] __host__ __device__ constexpr bool scaled() const {
    return scale_interval(kind) != 0;
  }
  [[nodiscard]] __host__ __device__ constexpr bool wide() const {
    return step_bytes == kWideStepBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int cluster_ctas() const { return groups * ctas; }
  [[nodiscard]] __host__ __device__ constexpr int cluster_rows() const {
    return cluster_ctas() * kCtaRows;
  }
  [[nodiscard]] __host__ __device__ constexpr int tile_k() const {
    return kBankLineBytes * 8 / operand_bits(kind);
  }
  /// Elements of a tensor map in a row of a stage; two operands of 4 bits are one.
  [[nodiscard]] __host__ __device__ constexpr int box_columns() const {
    return operand_bits(kind) < 8 ? kBankLineBytes : tile_k();
  }
  /// Rows of B that one CTA holds, and that it copies, for as many groups as share them.
  [[nodiscard]] __host__ __device__ constexpr int b_rows() const { return tile_n / ctas; }
  [[nodiscard]] __host__ __device__ constexpr int copied_b_rows() const {
    return b_rows() / groups;
  }

  // Scales of one stage (wide steps: of their own ring) and CTA: those of its rows of A, and those
  // of all of B.
  [[nodiscard]] __host__ __device__ constexpr int scale_words() const {
    return !scaled() ? 0
           : wide()  ? kWideScaleWords
                     : tile_k() / scale_interval(kind) / kScalesPerWord;
  }
  [[nodiscard]] __host__ __device__ constexpr int step_k() const {
    return step_bytes * 8 / operand_bits(kind);
  }
  /// Of a row.
  [[nodiscard]] __host__ __device__ constexpr int scales_of_step() const {
    return scaled() ? step_k() / scale_interval(kind) : 0;
  }
  [[nodiscard]] __host__ __device__ constexpr int steps_of_scales() const {
    return scaled() ? scale_words() * kScalesPerWord / scales_of_step() : 0;
  }
  [[nodiscard]] __host__ __device__ constexpr int b_scale_blocks() const {
    return (tile_n + kScaleRows - 1) / kScaleRows;
  }
  [[nodiscard]] __host__ __device__ constexpr int a_scale_bytes() const {
    return scale_words() * kScaleBlockBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int b_scale_bytes() const {
    return b_scale_blocks() * a_scale_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int scale_bytes() const {
    return a_scale_bytes() + b_scale_bytes();
  }

  // Shared memory of one CTA.
  [[nodiscard]] __host__ __device__ constexpr int a_bytes() const {
    return kCtaRows * kBankLineBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int b_bytes() const {
    return b_rows() * kBankLineBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int operand_bytes() const {
    return a_bytes() + b_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return operand_bytes() + (wide() ? 0 : scale_bytes());
  }
  [[nodiscard]] __host__ __device__ constexpr int scale_slots() const {
    return wide() ? scale_stages : stages;
  }
  [[nodiscard]] __host__ __device__ constexpr int panel_bytes() const {
    return swapped ? kSwappedColumns * kSwappedRowBytes : kPanelBytes;
  }
  /// Of one thread.
  [[nodiscard]] __host__ __device__ constexpr int panel_sums() const {
    return panel_bytes() / result_bytes / kWarpSize;
  }
  [[nodiscard]] __host__ __device__ constexpr int staging_bytes() const {
    return kEpilogueWarps * kPanelBuffers * panel_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int response_bytes() const {
    return kScheduleDepth * 16;
  }
  /// Full and empty of each stage and of each answer, accumulated and drained of each accumulator,
  /// one of each epilogue warp for C, and full and empty of each scale stage.
  [[nodiscard]] __host__ __device__ constexpr int barriers() const {
    return 2 * (stages + kAccumulators + kScheduleDepth + scale_stages) + kEpilogueWarps;
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    constexpr int kBarrierBytes = 8;
    constexpr int kTensorAddressBytes = 8;
    return stages * operand_bytes() + scale_slots() * scale_bytes() + staging_bytes() +
           response_bytes() + barriers() * kBarrierBytes + kTensorAddressBytes;
  }

  // Tensor memory of one CTA: an fp32 column for each of the tile's, twice, then scales. Where they
  // do not fit, the accumulators share panels, which the epilogue reads first.
  [[nodiscard]] __host__ __device__ constexpr int panel_columns() const {
    return kBankLineBytes / result_bytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int panels() const {
    return tile_n / panel_columns();
  }
  [[nodiscard]] __host__ __device__ constexpr int scale_columns() const {
    return scale_words() * kScaleBlockColumns * (1 + b_scale_blocks());
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_panels() const {
    const int missing = kAccumulators * tile_n + scale_columns() - kTensorColumns;
    return missing <= 0 ? 0 : (missing + panel_columns() - 1) / panel_columns();
  }
  [[nodiscard]] __host__ __device__ constexpr int second_accumulator() const {
    return tile_n - shared_panels() * panel_columns();
  }
  [[nodiscard]] __host__ __device__ constexpr int first_scale_column() const {
    return second_accumulator() + tile_n;
  }
  /// Allocations are powers of two.
  [[nodiscard]] __host__ __device__ constexpr int tensor_columns() const {
    int columns = kFewestTensorColumns;
    while (columns < first_scale_column() + scale_columns()) {
      columns *= 2;
    }
    return columns;
  }

  // Registers of an epilogue thread: its part of a panel in fp32 and rounded, and of another CTA's
  // piece what it has in flight.
  [[nodiscard]] __host__ __device__ constexpr int epilogue_registers() const {
    constexpr int kAddressRegisters = 40;
    constexpr int kPieceRegisters = kPieceLoads * kVectorRegisters;
    return panel_sums() + panel_bytes() / kWarpSize / 4 + (shares_k ? kPieceRegisters : 0) +
           kAddressRegisters;
  }
};

template <Sm100Tile Tile>
struct ValidSm100Tile {
  static_assert(Tile.ctas == 1 || Tile.ctas == 2, "a CTA or a pair: the groups that tcgen05 has");
  static_assert(
      Tile.groups == 1 || (Tile.groups == 2 && Tile.ctas == 2),
      "two pairs share B: clusters of more than four CTAs leave SMs of a GPC without work");
  static_assert(Tile.groups == 1 || !Tile.shares_k,
                "pieces of a tile are counted for one group of CTAs");
  static_assert(Tile.copied_b_rows() * kBankLineBytes % 1024 == 0,
                "the 128-byte swizzle repeats after 1024 bytes: parts of B start there");
  static_assert(Tile.ctas == 1 || !Tile.scaled() || Tile.b_scale_blocks() == Tile.ctas,
                "each CTA of a pair copies one block of B's scales");
  static_assert(Tile.tile_n <= 256 && Tile.tile_n % (16 * Tile.ctas) == 0,
                "N of an instruction with 128 rows a CTA is a multiple of 16, at most 256");
  static_assert(Tile.tile_n % Tile.panel_columns() == 0, "whole panels cover the tile");
  static_assert(Tile.stages >= 2, "one stage is multiplied while another one is filled");
  static_assert(Tile.operand_bytes() % 1024 == 0 && Tile.a_bytes() % 1024 == 0 &&
                    Tile.panel_bytes() % 1024 == 0,
                "the 128-byte swizzle repeats after 1024 bytes: tiles start there");
  static_assert(!Tile.swapped || (Tile.ctas == 1 && Tile.result_bytes == 2 &&
                                  kWarpSize * Tile.result_bytes == kSwappedRowBytes &&
                                  Tile.tile_n <= kScaleRows),
                "swapped: one CTA, 8x8 tiles of 16-bit results, one block of scales of columns");
  static_assert(Tile.shared_bytes() <= kSharedLimitBytes, "sm_100 offers 227 KB to one block");
  static_assert(Tile.tensor_columns() <= kTensorColumns, "an SM has 512 columns");
  static_assert(Tile.shared_panels() < Tile.panels(),
                "accumulators may share a part of their columns");
  static_assert(!Tile.scaled() || Tile.scale_words() >= 1,
                "a stage holds whole words of scales of every row");
  static_assert(Tile.step_bytes == kStepBytes || operand_bits(Tile.kind) == 4,
                "sm_103a multiplies 96 of K at once in e2m1 alone");
  static_assert(Tile.wide() ? Tile.scale_stages >= 2 && Tile.stages >= 3 : Tile.scale_stages == 0,
                "a wide step holds two stages while another one is filled; only its scales have a "
                "ring of their own");
  static_assert(!Tile.scaled() || Tile.steps_of_scales() * Tile.scales_of_step() ==
                                      Tile.scale_words() * kScalesPerWord,
                "whole steps use up the scales of a stage");
  static_assert(!Tile.wide() || (!Tile.swapped && !Tile.shares_k),
                "a K-tile of wide steps does not begin with a step");
  static_assert(!Tile.wide() || 8 % Tile.steps_of_scales() == 0,
                "scales begin anew with every three stages, which are eight steps");
  static_assert(Tile.epilogue_registers() * kThreads <= kRegistersPerSm,
                "every thread of the CTA gets as many registers as the epilogue");
  static constexpr bool kValue = true;
};

}  // namespace rackproof::kernels::gemm::sm100
