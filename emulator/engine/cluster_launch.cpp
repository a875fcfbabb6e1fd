#include "emulator/engine/cluster_launch.hpp"

#include "emulator/engine/core.hpp"
#include "emulator/engine/modules.hpp"

#include <algorithm>

namespace rackproof::emulator::engine {
namespace {

bool divides(const exec::Dim3& size, const exec::Dim3& grid) {
  return size.count() != 0 && grid.x % size.x == 0 && grid.y % size.y == 0 && grid.z % size.z == 0;
}

exec::Dim3 required_cluster(const exec::KernelInfo& info) {
  return {info.required_cluster[0], info.required_cluster[1], info.required_cluster[2]};
}

std::uint32_t largest_cluster(const Kernel& kernel, const exec::KernelInfo& info) {
  const std::uint32_t limit =
      kernel.allows_non_portable_cluster ? kLargestClusterSize : kPortableClusterSize;
  return info.max_cluster_size == 0 ? limit : std::min(limit, info.max_cluster_size);
}

// CTAs on the device at once, without regard to clusters.
cudaError_t resident_blocks(Kernel& kernel, Device& device, const LaunchRequest& request,
                            std::uint32_t& blocks) {
  const cudaError_t error =
      blocks_per_sm(kernel, device, request.block.count(), request.dynamic_shared_bytes, blocks);
  blocks *= static_cast<std::uint32_t>(Core::instance().rack().gpu.multiprocessors);
  return error;
}

}  // namespace

cudaError_t choose_cluster(const LaunchRequest& request, const Kernel& kernel,
                           const exec::KernelInfo& info, const device::GpuModel& gpu,
                           exec::LaunchConfig& config) {
  const exec::Dim3 required = required_cluster(info);
  const bool is_required = required.count() != 0;
  config.grid = request.grid;
  config.cluster = is_required && !request.names_cluster ? required : request.cluster;
  config.explicit_cluster = is_required || request.names_cluster;
  if (info.blocks_are_clusters) {
    config.grid.x *= config.cluster.x;
    config.grid.y *= config.cluster.y;
    config.grid.z *= config.cluster.z;
  }
  if (!config.explicit_cluster) {
    return info.needs_explicit_cluster ? cudaErrorInvalidClusterSize : cudaSuccess;
  }
  const exec::Dim3& cluster = config.cluster;
  const bool contradicts = is_required && (cluster.x != required.x || cluster.y != required.y ||
                                           cluster.z != required.z);
  if (contradicts || !divides(cluster, config.grid) || (gpu.cc_major < 9 && cluster.count() != 1) ||
      cluster.count() > largest_cluster(kernel, info)) {
    return cudaErrorInvalidClusterSize;
  }
  const exec::Dim3& preferred = request.preferred_cluster;
  if (preferred.count() == 0) {
    return cudaSuccess;
  }
  // Of the sizes that are preferred and that may be fallen back to, hardware picks for each
  // cluster; here one size serves the whole launch.
  if (!divides(cluster, preferred) || preferred.count() > largest_cluster(kernel, info)) {
    return cudaErrorInvalidClusterSize;
  }
  if (divides(preferred, config.grid)) {
    config.preferred_cluster = preferred;
  }
  return cudaSuccess;
}

cudaError_t max_active_clusters(Kernel& kernel, Device& device, const LaunchRequest& request,
                                int& clusters) {
  ResolvedKernel resolved;
  if (const cudaError_t error = kernel.module->resolve(kernel, device.ordinal, resolved);
      error != cudaSuccess) {
    return error;
  }
  LaunchRequest any_grid = request;
  any_grid.grid = request.cluster;
  exec::LaunchConfig config;
  if (const cudaError_t error =
          choose_cluster(any_grid, kernel, resolved.info(), Core::instance().rack().gpu, config);
      error != cudaSuccess) {
    return error;
  }
  std::uint32_t blocks = 0;
  const cudaError_t error = resident_blocks(kernel, device, request, blocks);
  clusters = static_cast<int>(blocks / config.cluster.count());
  return error;
}

cudaError_t max_potential_cluster_size(Kernel& kernel, Device& device, const LaunchRequest& request,
                                       int& size) {
  ResolvedKernel resolved;
  if (const cudaError_t error = kernel.module->resolve(kernel, device.ordinal, resolved);
      error != cudaSuccess) {
    return error;
  }
  std::uint32_t blocks = 0;
  const cudaError_t error = resident_blocks(kernel, device, request, blocks);
  if (error != cudaSuccess || blocks == 0) {
    return error != cudaSuccess ? error : cudaErrorInvalidConfiguration;
  }
  const std::uint64_t required = required_cluster(resolved.info()).count();
  size = required != 0 ? static_cast<int>(required)
         : Core::instance().rack().gpu.cc_major < 9
             ? 1
             : static_cast<int>(largest_cluster(kernel, resolved.info()));
  return cudaSuccess;
}

}  // namespace rackproof::emulator::engine
