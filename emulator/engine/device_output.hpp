#pragma once
/// What device code prints, kept until the host looks, and the heap of malloc in device code.

#include <cstddef>

namespace rackproof::emulator::engine {

struct Device;

/// Makes the executor's services work for this process's devices.
void install_device_services();

/// Writes the buffer of a device's printf to stdout. CUDA does so at launches, synchronisation,
/// blocking copies, module loading and reset, and not at exit (CUDA programming guide, "Formatted
/// Output"). Text beyond cudaLimitPrintfFifoSize has replaced the oldest.
void flush_printf(const Device& device);

/// Has a kernel of the device called malloc yet? cudaLimitMallocHeapSize is fixed then.
[[nodiscard]] bool is_heap_in_use(const Device& device);
/// Forgets what malloc gave out (cudaDeviceReset).
void reset_heap(Device& device);

/// The value set, or CUDA's default.
[[nodiscard]] std::size_t device_limit(Device& device, int limit);

}  // namespace rackproof::emulator::engine
