// Driver: small functions that are the runtime's under another name.

#include "emulator/api/cuda/context.hpp"
#include "emulator/api/cuda/forward.hpp"

#include <cuda.h>
#include <cudaProfiler.h>
#include <cuda_runtime_api.h>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_query;
using api::forward;
using engine::Core;

extern "C" {

CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* text) {
  return driver_query("cuDeviceGetByPCIBusId", [&](Core&) {
    const cudaError_t last_error = engine::thread_state().last_error;
    const cudaError_t error = cudaDeviceGetByPCIBusId(device, text);
    engine::thread_state().last_error = last_error;
    return error;
  });
}
CUresult cuDeviceGetP2PAttribute(int* value, CUdevice_P2PAttribute attribute, CUdevice device,
                                 CUdevice peer) {
  return driver_query("cuDeviceGetP2PAttribute", [&](Core&) {
    const cudaError_t last_error = engine::thread_state().last_error;
    const cudaError_t error =
        cudaDeviceGetP2PAttribute(value, static_cast<cudaDeviceP2PAttr>(attribute), device, peer);
    engine::thread_state().last_error = last_error;
    return error;
  });
}
CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  const CUresult result =
      cuDeviceGetAttribute(major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  return result != CUDA_SUCCESS
             ? result
             : cuDeviceGetAttribute(minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
}
CUresult cuDeviceGetExecAffinitySupport(int* value, CUexecAffinityType /*type*/, CUdevice device) {
  return driver_query("cuDeviceGetExecAffinitySupport", [&](Core& core) {
    *value = 0;
    return core.is_device(device) ? cudaSuccess : cudaErrorInvalidDevice;
  });
}

CUresult cuCtxSetLimit(CUlimit limit, std::size_t value) {
  return forward("cuCtxSetLimit",
                 [&] { return cudaDeviceSetLimit(static_cast<cudaLimit>(limit), value); });
}
CUresult cuCtxGetLimit(std::size_t* value, CUlimit limit) {
  return forward("cuCtxGetLimit",
                 [&] { return cudaDeviceGetLimit(value, static_cast<cudaLimit>(limit)); });
}
CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return forward("cuCtxGetStreamPriorityRange",
                 [&] { return cudaDeviceGetStreamPriorityRange(least, greatest); });
}

CUresult cuStreamGetId(CUstream stream, unsigned long long* id) {
  return forward("cuStreamGetId", [&] { return cudaStreamGetId(stream, id); });
}
CUresult cuStreamGetDevice(CUstream stream, CUdevice* device) {
  return forward("cuStreamGetDevice", [&] { return cudaStreamGetDevice(stream, device); });
}
CUresult cuStreamGetCtx(CUstream stream, CUcontext* context) {
  int device = 0;
  const CUresult result = cuStreamGetDevice(stream, &device);
  *context = result == CUDA_SUCCESS ? api::primary_context(device) : nullptr;
  return result;
}
CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback callback, void* data,
                             unsigned flags) {
  // CUresult and cudaError_t are passed the same way, and 0 is success in both.
  return forward("cuStreamAddCallback", [&] {
    return cudaStreamAddCallback(stream, reinterpret_cast<cudaStreamCallback_t>(callback), data,
                                 flags);
  });
}
CUresult cuEventRecordWithFlags(CUevent event, CUstream stream, unsigned flags) {
  return forward("cuEventRecordWithFlags",
                 [&] { return cudaEventRecordWithFlags(event, stream, flags); });
}
CUresult cuProfilerStart() {
  return CUDA_SUCCESS;
}
CUresult cuProfilerStop() {
  return CUDA_SUCCESS;
}

}  // extern "C"
