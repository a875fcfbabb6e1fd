#pragma once
/// Driver contexts: a primary one per device, and those of cuCtxCreate.

#include <cuda.h>

namespace rackproof::emulator::api {

/// The primary context of a device. Created contexts share its memory, streams and modules: the
/// emulator does not isolate contexts of one device from each other.
[[nodiscard]] CUcontext primary_context(int device);
/// Of the calling thread; nullptr: none.
[[nodiscard]] CUcontext current_context();
/// The device of a context; -1: no context.
[[nodiscard]] int device_of(CUcontext context);

}  // namespace rackproof::emulator::api
