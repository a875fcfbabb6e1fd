#include "emulator/engine/core.hpp"

#include "emulator/device/rack_file.hpp"
#include "emulator/engine/device_output.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/modules.hpp"
#include "emulator/engine/report.hpp"

#include <cstdio>
#include <numeric>
#include <stdexcept>

namespace rackproof::emulator::engine {

Core& Core::instance() {
  // Leaked: executor threads and exit handlers of the program may come after static destructors.
  static Core* const core = new Core;
  return *core;
}

Core::Core()
    : executor_(std::make_unique<Executor>()),
      memory_(std::make_unique<MemoryMap>()),
      modules_(std::make_unique<ModuleRegistry>()) {
  try {
    load();
  } catch (const std::exception& error) {
    problem_ = error.what();
    std::fprintf(stderr, "rackproof emulator: %s\n", error.what());
    status_ = cudaErrorInitializationError;
  }
  install_device_services();
  report_ = std::make_unique<Report>(settings_.trace_file, settings_.counters_file);
}

void Core::load() {
  settings_ = device::read_settings();
  executor_->set_patience(std::chrono::seconds(settings_.stall_s));
  addresses_.watch(
      [this](std::uintptr_t base, std::uint64_t bytes) { detector_.forget(base, bytes); });
  rack_ = device::load_rack_file(settings_.rack_file);
  if (settings_.tray >= rack_.trays) {
    throw device::SettingsError("RACKPROOF_EMULATOR_TRAY=" + std::to_string(settings_.tray) + ": " +
                                rack_.id + " has trays 0 to " + std::to_string(rack_.trays - 1));
  }
  std::vector<int> visible(static_cast<std::size_t>(rack_.gpus_per_tray));
  std::iota(visible.begin(), visible.end(), 0);
  if (settings_.devices_restricted) {
    visible = device::visible_devices(rack_, settings_.tray, settings_.visible_devices);
  }
  for (std::size_t i = 0; i < visible.size(); ++i) {
    devices_.push_back(std::make_unique<Device>(static_cast<int>(i),
                                                device::identify(rack_, settings_.tray, visible[i]),
                                                rack_.gpu.memory_bytes));
    devices_[i]->legacy =
        executor_->create_stream(*devices_[i], Stream::Kind::legacy, cudaStreamDefault, 0);
  }
  if (devices_.empty()) {
    problem_ = "CUDA_VISIBLE_DEVICES hides all devices";
    status_ = cudaErrorNoDevice;
  }
}

ThreadState& thread_state() {
  thread_local ThreadState state;
  return state;
}

Device& current_device() {
  return Core::instance().device(thread_state().device);
}

Stream* resolve_stream(cudaStream_t handle, bool default_is_per_thread) {
  Device& device = current_device();
  if (handle == cudaStreamPerThread || (handle == nullptr && default_is_per_thread)) {
    Stream*& stream = thread_state().per_thread_streams[device.ordinal];
    if (stream == nullptr) {
      stream = Core::instance().executor().create_stream(device, Stream::Kind::blocking,
                                                         cudaStreamDefault, 0);
    }
    return stream;
  }
  if (handle == nullptr || handle == cudaStreamLegacy) {
    return device.legacy;
  }
  auto* stream = reinterpret_cast<Stream*>(handle);
  return Core::instance().executor().is_stream(stream) ? stream : nullptr;
}

}  // namespace rackproof::emulator::engine
