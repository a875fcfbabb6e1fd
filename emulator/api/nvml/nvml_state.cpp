#include "emulator/api/nvml/nvml_state.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace rackproof::emulator::api::nvml {
namespace {

std::atomic<int> initializations{0};

std::vector<device::GpuIdentity> make_gpus() {
  std::vector<device::GpuIdentity> identities;
  const engine::Core& core = engine::Core::instance();
  for (int i = 0; i < core.rack().gpus_per_tray; ++i) {
    identities.push_back(device::identify(core.rack(), core.settings().tray, i));
  }
  return identities;
}

}  // namespace

const std::vector<device::GpuIdentity>& gpus() {
  static const auto* const all = new std::vector<device::GpuIdentity>(make_gpus());
  return *all;
}

bool is_initialized() {
  return initializations.load() > 0;
}

int initialize() {
  const cudaError_t status = engine::Core::instance().status();
  // Hiding devices from CUDA does not hide them from NVML.
  if (status != cudaSuccess && status != cudaErrorNoDevice) {
    return kUnknown;
  }
  initializations.fetch_add(1);
  return kSuccess;
}

int shut_down() {
  if (!is_initialized()) {
    return kUninitialized;
  }
  initializations.fetch_sub(1);
  return kSuccess;
}

bool is_device(Device device) {
  return std::any_of(gpus().begin(), gpus().end(), [&](const auto& gpu) { return &gpu == device; });
}

int copy_text(const char* text, char* buffer, unsigned length) {
  const std::size_t needed = std::strlen(text) + 1;
  if (needed > length) {
    return kInsufficientSize;
  }
  std::memcpy(buffer, text, needed);
  return kSuccess;
}

}  // namespace rackproof::emulator::api::nvml
