#pragma once
/// What CUDA and NVML say of this process's node and of one of its GPUs.

#include "harness/topology/assemble.hpp"
#include "harness/topology/nvml.hpp"

#include <string>
#include <vector>

namespace rackproof::harness::topology {

/// Number of CUDA devices; 0 where there is no driver or no GPU.
[[nodiscard]] int visible_devices();

/// "GPU-" and the 8-4-4-4-12 digits of cudaDeviceProp::uuid.
[[nodiscard]] std::vector<std::string> visible_gpu_uuids();

/// CUDA's "0008:06:00.0".
[[nodiscard]] std::string pci_bus_id(int device);

/// The node of the visible devices. `nvml` may be null: then only the host name is known.
[[nodiscard]] NodeIdentity describe_node(const Nvml* nvml);

/// Makes `device` current and describes it. `nvml` may be null; `without_nvml` says why.
[[nodiscard]] Gpu describe_gpu(int rank, int device, const Nvml* nvml,
                               const std::string& without_nvml);

}  // namespace rackproof::harness::topology
