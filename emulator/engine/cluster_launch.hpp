#pragma once
/// Clusters of a launch: what the kernel demands, what the launch asks for, what the device allows
/// (CUDA programming guide, thread block clusters; PTX ISA 9.0, sections 11.4.4 to 11.4.7).

#include "emulator/device/device_model.hpp"
#include "emulator/engine/launch.hpp"
#include "emulator/exec/grid.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::emulator::engine {

/// CTAs of a cluster that every device takes, and with
/// cudaFuncAttributeNonPortableClusterSizeAllowed.
inline constexpr std::uint32_t kPortableClusterSize = 8;
inline constexpr std::uint32_t kLargestClusterSize = 16;

/// Sets the grid and the cluster of `config` from the request and the kernel's directives.
/// cudaErrorInvalidClusterSize if they contradict each other, the grid is no multiple of the
/// cluster, or the cluster is too large.
cudaError_t choose_cluster(const LaunchRequest& request, const Kernel& kernel,
                           const exec::KernelInfo& info, const device::GpuModel& gpu,
                           exec::LaunchConfig& config);

/// cudaOccupancyMaxActiveClusters: clusters of the request's shape on the device at once. GPCs are
/// not modelled: CTAs of a cluster may lie on any SMs, so this is an upper bound of hardware's.
cudaError_t max_active_clusters(Kernel& kernel, Device& device, const LaunchRequest& request,
                                int& clusters);
/// cudaOccupancyMaxPotentialClusterSize: the largest cluster that can be launched.
cudaError_t max_potential_cluster_size(Kernel& kernel, Device& device, const LaunchRequest& request,
                                       int& size);

}  // namespace rackproof::emulator::engine
