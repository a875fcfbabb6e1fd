#pragma once
/// Tiles of the sm_90a kernel as validated values, with their budgets.

#include "kernels/gemm/gemm_config.hpp"

namespace rackproof::kernels::gemm::sm90 {

/// Opt-in shared memory of one block on sm_90 (CUDA C++ Programming Guide, "Compute Capabilities":
/// 227 KB).
inline constexpr int kSharedLimitBytes = 227 * 1024;

inline constexpr int kWarpgroupThreads = 128;
/// The rows that one wgmma multiplies.
inline constexpr int kInstructionM = 64;
/// One warpgroup loads, two multiply and store.
inline constexpr int kConsumers = 2;
inline constexpr int kThreads = (1 + kConsumers) * kWarpgroupThreads;

/// Registers of a thread: the launch gives each as many, then the producer hands over.
inline constexpr int kLaunchRegisters = kRegistersPerSm / kThreads / 8 * 8;
inline constexpr int kProducerRegisters = 40;
inline constexpr int kConsumerRegisters = 232;
static_assert(kWarpgroupThreads * (kProducerRegisters + kConsumers * kConsumerRegisters) <=
                  kThreads * kLaunchRegisters,
              "the consumers take what the producer gives back, and no more");

/// Results leave in panels of 64 rows x 128 bytes: one box of the TMA unit with the 128-byte
/// swizzle.
inline constexpr int kPanelRows = kInstructionM;
inline constexpr int kResultBytes = 2;
inline constexpr int kPanelColumns = kBankLineBytes / kResultBytes;
inline constexpr int kPanelBytes = kPanelRows * kBankLineBytes;
/// Of each consumer: one is filled while the other one is stored.
inline constexpr int kPanelBuffers = 2;

struct Sm90Tile {
  int tile_m = 0;
  int tile_n = 0;
  int element_bytes = 0;  ///< of A and B
  int stages = 0;
  int cluster = 1;  ///< CTAs one above the other that share B: each loads a part for all
  /// fp8 only: the sums of one stage are added in fp32 on the FMA units.
  bool promoted = false;

  [[nodiscard]] __host__ __device__ constexpr int tile_k() const {
    return kBankLineBytes / element_bytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int a_bytes() const {
    return tile_m * kBankLineBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int b_bytes() const {
    return tile_n * kBankLineBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int stage_bytes() const {
    return a_bytes() + b_bytes();
  }
  [[nodiscard]] __host__ __device__ constexpr int pipeline_bytes() const {
    return stages * stage_bytes();
  }
  /// Of B, what one CTA loads for its cluster.
  [[nodiscard]] __host__ __device__ constexpr int shared_rows() const { return tile_n / cluster; }
  [[nodiscard]] __host__ __device__ constexpr int staging_bytes() const {
    return kConsumers * kPanelBuffers * kPanelBytes;
  }
  /// Full and empty of each stage, and one of each consumer for C.
  [[nodiscard]] __host__ __device__ constexpr int barrier_bytes() const {
    constexpr int kBarrierBytes = 8;
    return (2 * stages + kConsumers) * kBarrierBytes;
  }
  [[nodiscard]] __host__ __device__ constexpr int shared_bytes() const {
    return pipeline_bytes() + staging_bytes() + barrier_bytes();
  }
  /// Blocks of 64 rows of one consumer.
  [[nodiscard]] __host__ __device__ constexpr int row_blocks() const {
    return tile_m / (kConsumers * kInstructionM);
  }
  [[nodiscard]] __host__ __device__ constexpr int panels() const {
    return row_blocks() * tile_n / kPanelColumns;
  }
  /// Of one block of 64 rows: an fp32 for each result, over the warpgroup.
  [[nodiscard]] __host__ __device__ constexpr int block_registers() const {
    return kInstructionM * tile_n / kWarpgroupThreads;
  }
  /// Addresses, loop counters, descriptors; an estimate that ptxas confirms by not spilling.
  static constexpr int kAddressRegisters = 40;
  [[nodiscard]] __host__ __device__ constexpr int consumer_registers() const {
    return (row_blocks() + (promoted ? 1 : 0)) * block_registers() + kAddressRegisters;
  }
};

template <Sm90Tile Tile>
struct ValidSm90Tile {
  static_assert(Tile.row_blocks() >= 1 && Tile.tile_m % (kConsumers * kInstructionM) == 0,
                "each consumer multiplies whole blocks of 64 rows");
  static_assert(Tile.tile_n == 128 || Tile.tile_n == 256,
                "kernels/ptx/wgmma.cuh has instructions of these widths");
  static_assert(Tile.tile_m <= 256 && Tile.shared_rows() <= 256,
                "a box of the TMA unit has at most 256 rows");
  static_assert(Tile.cluster == 1 || Tile.cluster == 2,
                "a portable cluster; more would wait for each other more often than they share");
  static_assert(Tile.stage_bytes() % 1024 == 0 && kPanelBytes % 1024 == 0,
                "the 128-byte swizzle repeats after 1024 bytes: tiles start there");
  static_assert(Tile.stages >= 2, "one stage is multiplied while another one is filled");
  static_assert(Tile.shared_bytes() <= kSharedLimitBytes, "sm_90 offers 227 KB to one block");
  static_assert(Tile.consumer_registers() <= kConsumerRegisters, "more registers would spill");
  static constexpr bool kValue = true;
};

}  // namespace rackproof::kernels::gemm::sm90
