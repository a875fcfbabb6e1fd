// Devices: count, current device, properties, limits, versions.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/common/host_wait.hpp"
#include "emulator/device/attributes.hpp"
#include "emulator/engine/device_output.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using api::query_call;
using engine::Core;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return query_call("cudaGetDeviceCount", [&](Core& core) {
    *count = core.device_count();
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return query_call("cudaGetDevice", [&](Core&) {
    *device = engine::thread_state().device;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return query_call("cudaSetDevice", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    engine::thread_state().device = device;
    engine::thread_state().has_context = true;  // since CUDA 12 it initialises the device
    return sticky_error(core.device(device));
  });
}

cudaError_t cudaInitDevice(int device, unsigned /*device_flags*/, unsigned /*flags*/) {
  return query_call("cudaInitDevice", [&](Core& core) {
    return core.is_device(device) ? cudaSuccess : cudaErrorInvalidDevice;
  });
}

cudaError_t cudaSetValidDevices(int* /*devices*/, int /*count*/) {
  return query_call("cudaSetValidDevices", [](Core&) { return cudaSuccess; });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return query_call("cudaGetDeviceProperties", [&](Core& core) {
    if (properties == nullptr) {
      return cudaErrorInvalidValue;
    }
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *properties = device::properties(core.rack(), core.device(device).identity);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return query_call("cudaDeviceGetAttribute", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    const auto answer = device::attribute(core.rack(), core.device(device).identity, attribute);
    if (value == nullptr || attribute <= 0 || attribute >= cudaDevAttrMax) {
      return cudaErrorInvalidValue;
    }
    if (!answer) {
      return cudaErrorNotSupported;  // the rack file does not know it: no answer, never a 0
    }
    *value = *answer;
    return cudaSuccess;
  });
}

cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* /*properties*/) {
  return query_call("cudaChooseDevice", [&](Core&) {
    *device = 0;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int device) {
  return query_call("cudaDeviceGetPCIBusId", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    const device::GpuIdentity& identity = core.device(device).identity;
    const int written = std::snprintf(text, static_cast<std::size_t>(length), "%04X:%02X:%02X.0",
                                      identity.pci_domain, identity.pci_bus, identity.pci_device);
    return written < length ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* text) {
  return query_call("cudaDeviceGetByPCIBusId", [&](Core& core) {
    std::string wanted = lower(text);
    // "bus:device.function" means domain 0; NVML writes eight digits of domain.
    if (std::count(wanted.begin(), wanted.end(), ':') == 1) {
      wanted = "0000:" + wanted;
    } else if (wanted.find(':') == 8) {
      wanted.erase(0, 4);
    }
    for (int i = 0; i < core.device_count(); ++i) {
      if (core.device(i).identity.pci_bus_id == wanted) {
        *device = i;
        return cudaSuccess;
      }
    }
    return cudaErrorInvalidDevice;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return api_call("cudaDeviceSynchronize", [](Core& core) {
    const cudaError_t error = engine::graph::refuse_device_wait(engine::current_device());
    if (error == cudaSuccess) {
      core.executor().drain(engine::current_device());
      api::finish_wait(engine::current_device());
    }
    return error;
  });
}

cudaError_t cudaDeviceReset() {
  return query_call("cudaDeviceReset", [](Core& core) {
    engine::Device& device = engine::current_device();
    core.executor().drain(device);
    engine::flush_printf(device);
    core.memory().free_all(device);
    engine::reset_heap(device);
    {
      const std::scoped_lock lock(device.mutex);
      device.limits.clear();
      device.enabled_peers.clear();
      device.flags = 0;
    }
    core.executor().clear_fault(device);
    engine::thread_state().last_error = cudaSuccess;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, std::size_t value) {
  return api_call("cudaDeviceSetLimit", [&](Core&) {
    engine::Device& device = engine::current_device();
    if (limit < cudaLimitStackSize || limit > cudaLimitPersistingL2CacheSize) {
      return cudaErrorUnsupportedLimit;
    }
    const bool is_fixed = limit == cudaLimitMallocHeapSize && engine::is_heap_in_use(device);
    if (is_fixed || (limit == cudaLimitMaxL2FetchGranularity && value > 128)) {
      return cudaErrorInvalidValue;
    }
    const std::scoped_lock lock(device.mutex);
    device.limits[limit] = value;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetLimit(std::size_t* value, cudaLimit limit) {
  return api_call("cudaDeviceGetLimit", [&](Core&) {
    if (limit < cudaLimitStackSize || limit > cudaLimitPersistingL2CacheSize) {
      return cudaErrorUnsupportedLimit;
    }
    if (value == nullptr) {
      return cudaErrorInvalidValue;
    }
    *value = engine::device_limit(engine::current_device(), limit);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* config) {
  return api_call("cudaDeviceGetCacheConfig", [&](Core&) {
    *config = cudaFuncCachePreferNone;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache /*config*/) {
  return api_call("cudaDeviceSetCacheConfig", [](Core&) { return cudaSuccess; });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api_call("cudaDeviceGetStreamPriorityRange", [&](Core&) {
    if (least != nullptr) {
      *least = 0;
    }
    if (greatest != nullptr) {
      *greatest = -5;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaSetDeviceFlags(unsigned flags) {
  return query_call("cudaSetDeviceFlags", [&](Core&) {
    engine::current_device().flags = flags;
    return cudaSuccess;
  });
}
cudaError_t cudaGetDeviceFlags(unsigned* flags) {
  return query_call("cudaGetDeviceFlags", [&](Core&) {
    *flags = engine::current_device().flags;
    return cudaSuccess;
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return query_call("cudaDriverGetVersion", [&](Core&) {
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  return query_call("cudaRuntimeGetVersion", [&](Core&) {
    *version = CUDART_VERSION;
    return cudaSuccess;
  });
}

cudaError_t cudaProfilerStart() {
  return query_call("cudaProfilerStart", [](Core&) { return cudaSuccess; });
}
cudaError_t cudaProfilerStop() {
  return query_call("cudaProfilerStop", [](Core&) { return cudaSuccess; });
}
cudaError_t cudaCtxResetPersistingL2Cache() {
  return api_call("cudaCtxResetPersistingL2Cache", [](Core&) { return cudaSuccess; });
}

}  // extern "C"
