// Driver: initialisation, devices, error texts.

#include "emulator/api/common/error_text.hpp"
#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/device/attributes.hpp"

#include <cuda.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_query;
using engine::Core;

namespace {

std::atomic<bool> has_initialized{false};

// "cudaErrorInvalidValue" is CUDA_ERROR_INVALID_VALUE, with a few names of the driver's own.
const char* driver_name(int code) {
  static const auto* const special =
      new std::map<int, const char*>{{CUDA_SUCCESS, "CUDA_SUCCESS"},
                                     {CUDA_ERROR_OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
                                     {CUDA_ERROR_NOT_INITIALIZED, "CUDA_ERROR_NOT_INITIALIZED"},
                                     {CUDA_ERROR_INVALID_IMAGE, "CUDA_ERROR_INVALID_IMAGE"},
                                     {CUDA_ERROR_INVALID_CONTEXT, "CUDA_ERROR_INVALID_CONTEXT"},
                                     {CUDA_ERROR_MAP_FAILED, "CUDA_ERROR_MAP_FAILED"},
                                     {CUDA_ERROR_NO_BINARY_FOR_GPU, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
                                     {CUDA_ERROR_INVALID_HANDLE, "CUDA_ERROR_INVALID_HANDLE"},
                                     {CUDA_ERROR_NOT_FOUND, "CUDA_ERROR_NOT_FOUND"},
                                     {CUDA_ERROR_LAUNCH_FAILED, "CUDA_ERROR_LAUNCH_FAILED"}};
  if (const auto found = special->find(code); found != special->end()) {
    return found->second;
  }
  static auto* const derived = new std::map<int, std::string>;
  const char* runtime = api::find_error_name(code);
  if (runtime == nullptr) {
    return nullptr;
  }
  std::string& name = (*derived)[code];
  if (name.empty()) {
    name = "CUDA_ERROR";
    for (const char* c = runtime + std::strlen("cudaError"); *c != '\0'; ++c) {
      const bool is_upper = *c >= 'A' && *c <= 'Z';
      name += is_upper ? "_" : "";
      name += is_upper || *c < 'a' ? *c : static_cast<char>(*c - 'a' + 'A');
    }
  }
  return name.c_str();
}

cudaError_t check_device(Core& core, CUdevice device) {
  return core.is_device(device) ? cudaSuccess : cudaErrorInvalidDevice;
}

}  // namespace

bool api::is_driver_initialized() {
  return has_initialized.load() || engine::thread_state().has_context;
}

extern "C" {

CUresult cuInit(unsigned flags) {
  const cudaError_t status = Core::instance().status();
  if (flags != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  has_initialized.store(status == cudaSuccess);
  return api::to_driver(status);
}
CUresult cuDriverGetVersion(int* version) {
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = driver_name(error);
  return *name == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = api::find_error_name(error) == nullptr
              ? nullptr
              : api::error_description(static_cast<cudaError_t>(error));
  return *text == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  return driver_query("cuDeviceGetCount", [&](Core& core) {
    *count = core.device_count();
    return cudaSuccess;
  });
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return driver_query("cuDeviceGet", [&](Core& core) {
    *device = ordinal;
    return check_device(core, ordinal);
  });
}
CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return driver_query("cuDeviceGetName", [&](Core& core) {
    if (check_device(core, device) == cudaSuccess) {
      std::snprintf(name, static_cast<std::size_t>(length), "%s",
                    core.device(device).identity.name.c_str());
    }
    return check_device(core, device);
  });
}
CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return driver_query("cuDeviceGetUuid", [&](Core& core) {
    if (check_device(core, device) == cudaSuccess) {
      const auto& bytes = core.device(device).identity.uuid;
      std::memcpy(uuid->bytes, bytes.data(), bytes.size());
    }
    return check_device(core, device);
  });
}
CUresult cuDeviceTotalMem(std::size_t* bytes, CUdevice device) {
  return driver_query("cuDeviceTotalMem", [&](Core& core) {
    *bytes = core.rack().gpu.memory_bytes;
    return check_device(core, device);
  });
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  return driver_query("cuDeviceGetAttribute", [&](Core& core) {
    if (check_device(core, device) != cudaSuccess) {
      return cudaErrorInvalidDevice;
    }
    if (value == nullptr || attribute <= 0 || attribute >= CU_DEVICE_ATTRIBUTE_MAX) {
      return cudaErrorInvalidValue;
    }
    // Only the driver has operations on memory in streams.
    switch (static_cast<int>(attribute)) {
      case CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR:
      case CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS:
        *value = 1;
        return cudaSuccess;
      default:
        break;
    }
    const auto answer = device::attribute(core.rack(), core.device(device).identity, attribute);
    if (!answer) {
      return cudaErrorNotSupported;
    }
    *value = *answer;
    return cudaSuccess;
  });
}
CUresult cuDeviceGetPCIBusId(char* text, int length, CUdevice device) {
  return driver_query("cuDeviceGetPCIBusId", [&](Core& core) {
    if (check_device(core, device) != cudaSuccess) {
      return cudaErrorInvalidDevice;
    }
    const device::GpuIdentity& identity = core.device(device).identity;
    const int written = std::snprintf(text, static_cast<std::size_t>(length), "%04X:%02X:%02X.0",
                                      identity.pci_domain, identity.pci_bus, identity.pci_device);
    return written < length ? cudaSuccess : cudaErrorInvalidValue;
  });
}
CUresult cuDeviceCanAccessPeer(int* answer, CUdevice device, CUdevice peer) {
  return driver_query("cuDeviceCanAccessPeer", [&](Core& core) {
    *answer = device != peer ? 1 : 0;
    return std::max(check_device(core, device), check_device(core, peer));
  });
}

}  // extern "C"
