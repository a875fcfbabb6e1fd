// Peer access between the devices of a tray: NVLink joins all of them.

#include "emulator/api/common/api_call.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using engine::Core;

}  // namespace

extern "C" {

cudaError_t cudaDeviceCanAccessPeer(int* answer, int device, int peer) {
  return api::query_call("cudaDeviceCanAccessPeer", [&](Core& core) {
    if (!core.is_device(device) || !core.is_device(peer)) {
      return cudaErrorInvalidDevice;
    }
    *answer = device != peer ? 1 : 0;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  return api::api_call("cudaDeviceEnablePeerAccess", [&](Core& core) {
    engine::Device& device = engine::current_device();
    if (flags != 0) {
      return cudaErrorInvalidValue;
    }
    if (!core.is_device(peer) || peer == device.ordinal) {
      return cudaErrorInvalidDevice;
    }
    const std::scoped_lock lock(device.mutex);
    return device.enabled_peers.insert(peer).second ? cudaSuccess
                                                    : cudaErrorPeerAccessAlreadyEnabled;
  });
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  return api::api_call("cudaDeviceDisablePeerAccess", [&](Core& core) {
    engine::Device& device = engine::current_device();
    if (!core.is_device(peer)) {
      return cudaErrorInvalidDevice;
    }
    const std::scoped_lock lock(device.mutex);
    return device.enabled_peers.erase(peer) != 0 ? cudaSuccess : cudaErrorPeerAccessNotEnabled;
  });
}

cudaError_t cudaDeviceGetP2PAttribute(int* value, cudaDeviceP2PAttr attribute, int source,
                                      int destination) {
  return api::query_call("cudaDeviceGetP2PAttribute", [&](Core& core) {
    if (!core.is_device(source) || !core.is_device(destination) || source == destination) {
      return cudaErrorInvalidDevice;
    }
    switch (attribute) {
      case cudaDevP2PAttrAccessSupported:
      case cudaDevP2PAttrNativeAtomicSupported:
        *value = 1;
        return cudaSuccess;
      case cudaDevP2PAttrPerformanceRank:
      case cudaDevP2PAttrCudaArrayAccessSupported:
        *value = 0;
        return cudaSuccess;
      default:
        return cudaErrorInvalidValue;
    }
  });
}

}  // extern "C"
