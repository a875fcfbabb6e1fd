#include "emulator/device/occupancy.hpp"

#include <algorithm>
#include <utility>

namespace rackproof::emulator::device {
namespace {

constexpr std::uint32_t kRegisterAllocationUnit = 256;  // registers, a warp
constexpr std::uint32_t kSubPartitions = 4;             // of an SM; warps are dealt out to them
constexpr std::uint32_t kSharedAllocationUnit = 128;    // bytes

std::uint32_t round_up(std::uint32_t value, std::uint32_t unit) {
  return (value + unit - 1) / unit * unit;
}

std::uint32_t blocks_by_registers(const GpuModel& gpu, const BlockResources& block,
                                  std::uint32_t warps) {
  if (block.registers_per_thread == 0) {
    return gpu.max_blocks_per_sm;
  }
  const std::uint32_t per_warp =
      round_up(block.registers_per_thread * kWarpSize, kRegisterAllocationUnit);
  const std::uint32_t warps_per_partition = gpu.registers_per_sm / kSubPartitions / per_warp;
  return warps_per_partition * kSubPartitions / round_up(warps, kSubPartitions);
}

}  // namespace

std::string_view to_string(OccupancyLimit limit) {
  switch (limit) {
    case OccupancyLimit::threads:
      return "threads";
    case OccupancyLimit::registers:
      return "registers";
    case OccupancyLimit::shared_memory:
      return "shared memory";
    case OccupancyLimit::blocks:
      break;
  }
  return "blocks";
}

Occupancy occupancy(const GpuModel& gpu, const BlockResources& block) {
  if (block.threads == 0 || block.threads > kMaxThreadsPerBlock) {
    return {0, OccupancyLimit::threads};
  }
  const std::uint32_t warps = (block.threads + kWarpSize - 1) / kWarpSize;
  const std::uint32_t shared =
      round_up(block.shared_bytes + kReservedSharedBytesPerBlock, kSharedAllocationUnit);
  const bool shared_fits = block.shared_bytes <= gpu.shared_bytes_per_block_optin;
  const std::pair<std::uint32_t, OccupancyLimit> bounds[] = {
      {gpu.max_blocks_per_sm, OccupancyLimit::blocks},
      {gpu.max_threads_per_sm / kWarpSize / warps, OccupancyLimit::threads},
      {blocks_by_registers(gpu, block, warps), OccupancyLimit::registers},
      {shared_fits ? gpu.shared_bytes_per_sm / shared : 0, OccupancyLimit::shared_memory},
  };
  const auto lowest =
      std::min_element(std::begin(bounds), std::end(bounds),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
  return {lowest->first, lowest->second};
}

std::uint32_t available_dynamic_shared_bytes(const GpuModel& gpu, const BlockResources& block,
                                             std::uint32_t blocks_per_sm) {
  if (blocks_per_sm == 0 || occupancy(gpu, block).blocks_per_sm < blocks_per_sm) {
    return 0;
  }
  const std::uint32_t share =
      gpu.shared_bytes_per_sm / blocks_per_sm / kSharedAllocationUnit * kSharedAllocationUnit;
  const std::uint32_t usable =
      std::min(share - kReservedSharedBytesPerBlock, gpu.shared_bytes_per_block_optin);
  return usable - std::min(usable, block.shared_bytes);
}

}  // namespace rackproof::emulator::device
