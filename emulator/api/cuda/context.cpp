// Driver: contexts. A device has one, its primary context; created ones are other names for it.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda.h>

#include <vector>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using api::driver_query;
using engine::Core;

namespace {

std::vector<CUcontext>& context_stack() {
  thread_local std::vector<CUcontext> stack;
  return stack;
}

CUcontext handle_of(engine::Device& device) {
  return reinterpret_cast<CUcontext>(&device);
}

CUcontext current() {
  return engine::thread_state().has_context ? handle_of(engine::current_device()) : nullptr;
}

cudaError_t make_current(Core& core, CUcontext context) {
  if (context == nullptr) {
    engine::thread_state().has_context = false;
    return cudaSuccess;
  }
  for (int i = 0; i < core.device_count(); ++i) {
    if (handle_of(core.device(i)) == context) {
      engine::thread_state().device = i;
      engine::thread_state().has_context = true;
      return cudaSuccess;
    }
  }
  return cudaErrorDeviceUninitialized;
}

}  // namespace

extern "C" {

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return driver_query("cuDevicePrimaryCtxRetain", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *context = handle_of(core.device(device));
    return cudaSuccess;
  });
}
CUresult cuDevicePrimaryCtxRelease(CUdevice /*device*/) {
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxSetFlags(CUdevice /*device*/, unsigned /*flags*/) {
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* is_active) {
  return driver_query("cuDevicePrimaryCtxGetState", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *flags = core.device(device).flags;
    *is_active = 1;
    return cudaSuccess;
  });
}
CUresult cuDevicePrimaryCtxReset(CUdevice device) {
  return driver_query("cuDevicePrimaryCtxReset", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    core.executor().drain(core.device(device));
    core.memory().free_all(core.device(device));
    core.executor().clear_fault(core.device(device));
    return cudaSuccess;
  });
}

CUresult cuCtxCreate(CUcontext* context, CUctxCreateParams* /*parameters*/, unsigned /*flags*/,
                     CUdevice device) {
  return driver_query("cuCtxCreate", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *context = handle_of(core.device(device));
    context_stack().push_back(current());
    return make_current(core, *context);
  });
}
CUresult cuCtxDestroy(CUcontext context) {
  return driver_query("cuCtxDestroy", [&](Core& core) {
    if (context != current()) {
      return cudaSuccess;
    }
    const CUcontext previous = context_stack().empty() ? nullptr : context_stack().back();
    if (!context_stack().empty()) {
      context_stack().pop_back();
    }
    return make_current(core, previous);
  });
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  return driver_query("cuCtxGetCurrent", [&](Core&) {
    *context = current();
    return cudaSuccess;
  });
}
CUresult cuCtxSetCurrent(CUcontext context) {
  return driver_query("cuCtxSetCurrent", [&](Core& core) { return make_current(core, context); });
}
CUresult cuCtxPushCurrent(CUcontext context) {
  return driver_query("cuCtxPushCurrent", [&](Core& core) {
    context_stack().push_back(current());
    return make_current(core, context);
  });
}
CUresult cuCtxPopCurrent(CUcontext* context) {
  return driver_query("cuCtxPopCurrent", [&](Core& core) {
    if (context != nullptr) {
      *context = current();
    }
    if (context_stack().empty()) {
      return cudaErrorDeviceUninitialized;
    }
    const CUcontext previous = context_stack().back();
    context_stack().pop_back();
    return make_current(core, previous);
  });
}
CUresult cuCtxGetDevice(CUdevice* device) {
  return driver_call("cuCtxGetDevice", [&](Core&) {
    *device = engine::thread_state().device;
    return cudaSuccess;
  });
}
CUresult cuCtxGetApiVersion(CUcontext /*context*/, unsigned* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}
CUresult cuCtxSynchronize() {
  return driver_call("cuCtxSynchronize", [&](Core& core) {
    core.executor().drain(engine::current_device());
    return cudaSuccess;
  });
}
CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  return driver_call("cuCtxEnablePeerAccess", [&](Core& core) {
    engine::Device& device = engine::current_device();
    for (int i = 0; flags == 0 && i < core.device_count(); ++i) {
      if (handle_of(core.device(i)) == peer && i != device.ordinal) {
        const std::scoped_lock lock(device.mutex);
        return device.enabled_peers.insert(i).second ? cudaSuccess
                                                     : cudaErrorPeerAccessAlreadyEnabled;
      }
    }
    return flags == 0 ? cudaErrorDeviceUninitialized : cudaErrorInvalidValue;
  });
}

}  // extern "C"
