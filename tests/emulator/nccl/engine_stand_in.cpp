#include "tests/emulator/nccl/engine_stand_in.hpp"

#include "emulator/engine/collective_hook.hpp"

#include <cuda_runtime_api.h>

namespace {
int current_device = 0;
}

namespace rackproof::emulator::api_nccl::test {
void set_current_device(int device) {
  current_device = device;
}
}  // namespace rackproof::emulator::api_nccl::test

namespace rackproof::emulator::engine {

cudaError_t enqueue_polled(cudaStream_t, std::string, PolledOperation) {
  return cudaErrorNotSupported;
}
void wake_executor() {}
const FabricModel& fabric_model() {
  static const FabricModel model{.rack_id = "stand-in",
                                 .tray = 0,
                                 .trays = 1,
                                 .gpus_per_tray = 8,
                                 .nvlink_domain_gpus = 8,
                                 .nvlink_links = 18,
                                 .nvlink_bytes_per_s_per_link = 50e9,
                                 .host_link_bytes_per_s = 200e9,
                                 .memory_bandwidth_bytes_per_s = 8e12,
                                 .seed = 1};
  return model;
}

}  // namespace rackproof::emulator::engine

cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  properties->uuid.bytes[0] = static_cast<char>(device);
  return cudaSuccess;
}
const char* cudaGetErrorString(cudaError_t) {
  return "stand-in";
}
