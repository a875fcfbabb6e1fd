#pragma once
/// What every call that has waited for a device does then.

#include "emulator/engine/core.hpp"
#include "emulator/engine/device_output.hpp"
#include "emulator/engine/memory_pool.hpp"

namespace rackproof::emulator::api {

/// Printed text appears, and pools give back what they hold beyond their threshold.
inline void finish_wait(engine::Device& device) {
  engine::flush_printf(device);
  engine::release_unused(device);
}
inline void finish_wait(const engine::DeviceQueue& device) {
  finish_wait(engine::Core::instance().device(device.ordinal));
}

}  // namespace rackproof::emulator::api
