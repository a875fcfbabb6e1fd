#pragma once
/// Initialisation count and device handles.

#include "emulator/api/nvml/nvml_abi.hpp"
#include "emulator/engine/core.hpp"

#include <utility>
#include <vector>

namespace rackproof::emulator::api::nvml {

using Device = const device::GpuIdentity*;

/// NVML shows every GPU of the tray, whatever CUDA_VISIBLE_DEVICES says.
[[nodiscard]] const std::vector<device::GpuIdentity>& gpus();

[[nodiscard]] bool is_initialized();
int initialize();
int shut_down();

[[nodiscard]] inline const device::RackModel& rack() {
  return engine::Core::instance().rack();
}
[[nodiscard]] inline const device::GpuModel& model() {
  return rack().gpu;
}
[[nodiscard]] inline int tray() {
  return engine::Core::instance().settings().tray;
}
[[nodiscard]] bool is_device(Device device);

/// Checks what every query needs, then answers.
template <typename Body>
int query(Device device, const void* result, Body&& body) {
  if (!is_initialized()) {
    return kUninitialized;
  }
  if (!is_device(device) || result == nullptr) {
    return kInvalidArgument;
  }
  return std::forward<Body>(body)(*device);
}

/// Copies text with its end; kInsufficientSize if it does not fit.
int copy_text(const char* text, char* buffer, unsigned length);

}  // namespace rackproof::emulator::api::nvml
