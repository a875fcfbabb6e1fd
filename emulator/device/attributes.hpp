#pragma once
/// Device attributes and properties as the CUDA runtime and driver report them.

#include "emulator/device/device_model.hpp"
#include "emulator/device/identity.hpp"

#include <cuda_runtime_api.h>

#include <optional>

namespace rackproof::emulator::device {

/// Value of a cudaDeviceAttr (CUdevice_attribute has the same numbers); nullopt: the rack file does
/// not know it, or there is no such attribute.
[[nodiscard]] std::optional<int> attribute(const RackModel& rack, const GpuIdentity& identity,
                                           int number);

[[nodiscard]] cudaDeviceProp properties(const RackModel& rack, const GpuIdentity& identity);

}  // namespace rackproof::emulator::device
