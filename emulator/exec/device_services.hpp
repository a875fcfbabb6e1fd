#pragma once
/// What device code asks of the driver, which lies above the executor. Without a driver (tests of
/// the executor alone) text goes to stdout, there is no heap and no condition.

#include <cstdint>
#include <string_view>

namespace rackproof::emulator::exec {

struct DeviceServices {
  /// Text that a printf has made.
  void (*print)(int device, std::string_view text) = nullptr;
  /// malloc in device code: nullptr when the heap (cudaLimitMallocHeapSize) is full.
  void* (*allocate)(int device, std::uint64_t bytes) = nullptr;
  /// free in device code; false: not an allocation of this heap.
  bool (*release)(int device, void* address) = nullptr;
  /// cudaGraphSetConditional; false: no such handle.
  bool (*set_condition)(std::uint64_t handle, std::uint32_t value) = nullptr;
};

[[nodiscard]] DeviceServices& device_services();

}  // namespace rackproof::emulator::exec
