#pragma once
/// How many CTAs of a kernel fit on one multiprocessor.
/// Source: the rules NVIDIA publishes in cuda_occupancy.h and the CUDA programming guide's
/// technical specifications for compute capability 8.0 to 10.3.

#include "emulator/device/device_model.hpp"

#include <cstdint>
#include <string_view>

namespace rackproof::emulator::device {

inline constexpr std::uint32_t kWarpSize = 32;
inline constexpr std::uint32_t kMaxThreadsPerBlock = 1024;
/// Shared memory the driver keeps for itself in every CTA, since compute capability 8.0.
inline constexpr std::uint32_t kReservedSharedBytesPerBlock = 1024;
/// Static plus dynamic shared memory a kernel may use without asking (cudaFuncSetAttribute).
inline constexpr std::uint32_t kSharedBytesPerBlock = 48 * 1024;

struct BlockResources {
  std::uint32_t threads = 0;
  std::uint32_t registers_per_thread = 0;
  std::uint32_t shared_bytes = 0;  ///< static and dynamic, without the reserved part
};

enum class OccupancyLimit : std::uint8_t { blocks, threads, registers, shared_memory };
[[nodiscard]] std::string_view to_string(OccupancyLimit limit);

struct Occupancy {
  std::uint32_t blocks_per_sm = 0;  ///< 0: not even one CTA fits
  OccupancyLimit limit = OccupancyLimit::blocks;
};

/// The largest shared-memory carve-out is assumed where the CTA needs it.
[[nodiscard]] Occupancy occupancy(const GpuModel& gpu, const BlockResources& block);

/// Largest dynamic shared memory with which `blocks_per_sm` CTAs still fit; 0 if none.
[[nodiscard]] std::uint32_t available_dynamic_shared_bytes(const GpuModel& gpu,
                                                           const BlockResources& block,
                                                           std::uint32_t blocks_per_sm);

}  // namespace rackproof::emulator::device
