#pragma once
/// A CUDA runtime and an executor that do nothing by themselves, so that a test can decide which
/// rank gets on when.

namespace rackproof::emulator::api_nccl::test {

/// The device that cudaGetDevice answers; devices have different UUIDs.
void set_current_device(int device);

}  // namespace rackproof::emulator::api_nccl::test
