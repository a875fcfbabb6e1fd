#pragma once
/// The emulator's state: one copy per process, made by the first API call, never destroyed.

#include "emulator/check/detector.hpp"
#include "emulator/device/device_model.hpp"
#include "emulator/device/identity.hpp"
#include "emulator/device/settings.hpp"
#include "emulator/engine/device_heap.hpp"
#include "emulator/engine/executor.hpp"
#include "emulator/engine/stream.hpp"
#include "emulator/memory/address_space.hpp"

#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

namespace rackproof::emulator::engine {

class MemoryMap;
class ModuleRegistry;
class Report;

struct Device : DeviceQueue {
  Device(int number, device::GpuIdentity who, std::uint64_t memory_bytes)
      : identity(std::move(who)), heap(memory_bytes) {
    ordinal = number;
  }
  device::GpuIdentity identity;
  DeviceHeap heap;
  std::mutex mutex;
  std::set<int> enabled_peers;        ///< guarded by mutex
  std::map<int, std::size_t> limits;  ///< cudaLimit -> value set; guarded by mutex
  unsigned flags = 0;                 ///< cudaSetDeviceFlags
};

class Core {
 public:
  static Core& instance();

  /// cudaSuccess, or why nothing works (bad environment, bad rack file); said once on stderr.
  [[nodiscard]] cudaError_t status() const { return status_; }
  [[nodiscard]] const device::Settings& settings() const { return settings_; }
  [[nodiscard]] const device::RackModel& rack() const { return rack_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  [[nodiscard]] int device_count() const { return static_cast<int>(devices_.size()); }
  [[nodiscard]] Device& device(int ordinal) {
    return *devices_.at(static_cast<std::size_t>(ordinal));
  }
  [[nodiscard]] bool is_device(int ordinal) const {
    return ordinal >= 0 && ordinal < device_count();
  }

  [[nodiscard]] memory::AddressSpace& addresses() { return addresses_; }
  [[nodiscard]] check::Detector& detector() { return detector_; }
  [[nodiscard]] Executor& executor() { return *executor_; }
  [[nodiscard]] MemoryMap& memory() { return *memory_; }
  [[nodiscard]] ModuleRegistry& modules() { return *modules_; }
  [[nodiscard]] Report& report() { return *report_; }

 private:
  Core();
  void load();

  cudaError_t status_ = cudaSuccess;
  std::string problem_;
  device::Settings settings_;
  device::RackModel rack_;
  std::vector<std::unique_ptr<Device>> devices_;
  memory::AddressSpace addresses_;
  check::Detector detector_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<MemoryMap> memory_;
  std::unique_ptr<ModuleRegistry> modules_;
  std::unique_ptr<Report> report_;
};

/// What CUDA keeps per host thread.
struct ThreadState {
  int device = 0;
  bool has_context = false;  ///< the runtime has worked on a device, or the driver was given one
  cudaError_t last_error = cudaSuccess;
  std::map<int, Stream*> per_thread_streams;
};
[[nodiscard]] ThreadState& thread_state();

/// The current device of the calling thread.
[[nodiscard]] Device& current_device();

/// Turns a handle into a stream: nullptr and cudaStreamLegacy are the current device's legacy
/// stream (cudaStreamPerThread's if `default_is_per_thread` and the handle is nullptr).
/// nullptr: not a stream.
[[nodiscard]] Stream* resolve_stream(cudaStream_t handle, bool default_is_per_thread = false);

/// The device's sticky error.
[[nodiscard]] inline cudaError_t sticky_error(const DeviceQueue& device) {
  return device.fault.load();
}

}  // namespace rackproof::emulator::engine
