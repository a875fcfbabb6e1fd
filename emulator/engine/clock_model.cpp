#include "emulator/engine/clock_model.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace rackproof::emulator::engine {
namespace {

// Four schedulers an SM, one warp instruction each a clock (CUDA tuning guides, Ampere to
// Blackwell).
constexpr double kWarpInstructionsPerClock = 4;
// 32 banks of 4 bytes: one wavefront a clock (CUDA programming guide, shared memory).
constexpr double kWavefrontsPerClock = 1;
// 64 bytes a clock from L2 to an SM, in sectors of 32 (NVIDIA A100 whitepaper, L2 cache).
constexpr double kSectorsPerClock = 2;

double busiest_unit_clocks(const device::GpuModel& gpu, const exec::GridCounters& counters) {
  const double instructions = static_cast<double>(std::accumulate(
      counters.warp_instructions.begin(), counters.warp_instructions.end(), std::uint64_t{0}));
  double tensor = counters.mma_flops_f16 / gpu.bf16_mma_flops_per_sm_clk +
                  counters.mma_flops_tf32 / gpu.tf32_mma_flops_per_sm_clk;
  if (gpu.fp8_mma_flops_per_sm_clk > 0) {
    tensor += counters.mma_flops_fp8 / gpu.fp8_mma_flops_per_sm_clk;
  }
  if (gpu.fp4_mma_flops_per_sm_clk > 0) {
    tensor += counters.mma_flops_fp4 / gpu.fp4_mma_flops_per_sm_clk;
  }
  return std::max({instructions / kWarpInstructionsPerClock, tensor,
                   counters.fp32_flops / gpu.fp32_flops_per_sm_clk,
                   static_cast<double>(counters.shared_wavefronts) / kWavefrontsPerClock,
                   static_cast<double>(counters.global_sectors) / kSectorsPerClock});
}

}  // namespace

double KernelTiming::total_s() const {
  return overhead_s + std::max(issue_s, memory_s) + waiting_s;
}

KernelTiming kernel_timing(const device::GpuModel& gpu, const exec::GridCounters& counters) {
  KernelTiming timing;
  timing.overhead_s = kLaunchOverheadS;
  timing.memory_s =
      static_cast<double>(counters.unique_global_bytes) / gpu.memory_bandwidth_bytes_per_s;
  const double clock_hz = gpu.peak_sm_clock_mhz * 1e6;
  timing.waiting_s = static_cast<double>(counters.clock_loop_clocks) / clock_hz;
  if (counters.ctas > 0) {
    const auto sms = static_cast<std::uint64_t>(gpu.multiprocessors);
    const double ctas_on_busiest_sm = static_cast<double>((counters.ctas + sms - 1) / sms);
    const double clocks_per_cta =
        busiest_unit_clocks(gpu, counters) / static_cast<double>(counters.ctas);
    timing.issue_s = ctas_on_busiest_sm * clocks_per_cta / clock_hz;
  }
  return timing;
}

double copy_s(const device::RackModel& rack, CopyPath path, std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  switch (path) {
    case CopyPath::host_to_device:
    case CopyPath::device_to_host:
      return kCopyOverheadS + size / rack.host_link_bytes_per_s;
    case CopyPath::within_device:  // each byte is read and written
      return kCopyOverheadS + 2 * size / rack.gpu.memory_bandwidth_bytes_per_s;
    case CopyPath::peer:
      return kCopyOverheadS + size / (rack.nvlink_links * rack.nvlink_bytes_per_s_per_link);
    case CopyPath::host:
      break;
  }
  return kCopyOverheadS;
}

double fill_s(const device::RackModel& rack, std::uint64_t bytes) {
  return kCopyOverheadS + static_cast<double>(bytes) / rack.gpu.memory_bandwidth_bytes_per_s;
}

TimePs to_ps(double seconds) {
  return static_cast<TimePs>(std::ceil(seconds * kPsPerSecond));
}

}  // namespace rackproof::emulator::engine
