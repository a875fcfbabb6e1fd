// Driver: virtual memory management.

#include "emulator/engine/virtual_memory.hpp"

#include "emulator/api/cuda/driver_call.hpp"

#include <cuda.h>

#include <cstdint>
#include <cstring>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;

namespace {

bool is_device_memory(const CUmemAllocationProp& properties) {
  return properties.type == CU_MEM_ALLOCATION_TYPE_PINNED &&
         properties.location.type == CU_MEM_LOCATION_TYPE_DEVICE;
}

}  // namespace

extern "C" {

CUresult cuMemGetAllocationGranularity(std::size_t* bytes, const CUmemAllocationProp* properties,
                                       CUmemAllocationGranularity_flags /*option*/) {
  return driver_call("cuMemGetAllocationGranularity", [&](Core&) {
    *bytes = engine::kVmmGranularityBytes;
    return is_device_memory(*properties) ? cudaSuccess : cudaErrorNotSupported;
  });
}
CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, std::size_t bytes,
                     const CUmemAllocationProp* properties, unsigned long long flags) {
  return driver_call("cuMemCreate", [&](Core&) {
    if (flags != 0 || !is_device_memory(*properties)) {
      return flags != 0 ? cudaErrorInvalidValue : cudaErrorNotSupported;
    }
    return engine::vmm_create(bytes, properties->location.id, handle);
  });
}
CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return driver_call("cuMemRelease", [&](Core&) { return engine::vmm_release(handle); });
}
CUresult cuMemAddressReserve(CUdeviceptr* address, std::size_t bytes, std::size_t alignment,
                             CUdeviceptr /*hint*/, unsigned long long /*flags*/) {
  return driver_call("cuMemAddressReserve",
                     [&](Core&) { return engine::vmm_reserve(bytes, alignment, address); });
}
CUresult cuMemAddressFree(CUdeviceptr address, std::size_t bytes) {
  return driver_call("cuMemAddressFree", [&](Core&) { return engine::vmm_free(address, bytes); });
}
CUresult cuMemMap(CUdeviceptr address, std::size_t bytes, std::size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long /*flags*/) {
  return driver_call("cuMemMap",
                     [&](Core&) { return engine::vmm_map(address, bytes, offset, handle); });
}
CUresult cuMemUnmap(CUdeviceptr address, std::size_t bytes) {
  return driver_call("cuMemUnmap", [&](Core& core) {
    core.executor().drain(engine::current_device());
    return engine::vmm_unmap(address, bytes);
  });
}
CUresult cuMemSetAccess(CUdeviceptr address, std::size_t bytes, const CUmemAccessDesc* access,
                        std::size_t count) {
  return driver_call("cuMemSetAccess", [&](Core&) {
    bool can_access = false;
    for (std::size_t i = 0; i < count; ++i) {
      can_access = can_access || access[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE;
    }
    return engine::vmm_set_access(address, bytes, can_access);
  });
}
CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* address) {
  return driver_call("cuMemRetainAllocationHandle",
                     [&](Core&) { return engine::vmm_retain(address, handle); });
}
CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* properties,
                                                CUmemGenericAllocationHandle handle) {
  return driver_call("cuMemGetAllocationPropertiesFromHandle", [&](Core&) {
    *properties = {};
    properties->type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties->requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    properties->location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    return engine::vmm_device(handle, &properties->location.id);
  });
}

CUresult cuMemExportToShareableHandle(void* shareable, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type,
                                      unsigned long long /*flags*/) {
  return driver_call("cuMemExportToShareableHandle", [&](Core&) {
    if (type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) {
      return engine::vmm_export_file(handle, static_cast<int*>(shareable));
    }
    if (type != CU_MEM_HANDLE_TYPE_FABRIC) {
      return cudaErrorNotSupported;
    }
    engine::FabricName name;
    const cudaError_t error = engine::vmm_export_fabric(handle, name);
    std::memset(shareable, 0, sizeof(CUmemFabricHandle));
    std::memcpy(shareable, &name, sizeof name);
    return error;
  });
}
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* shareable,
                                        CUmemAllocationHandleType type) {
  return driver_call("cuMemImportFromShareableHandle", [&](Core&) {
    const int device = engine::current_device().ordinal;
    if (type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) {
      const auto file = static_cast<int>(reinterpret_cast<std::intptr_t>(shareable));
      return engine::vmm_import_file(file, device, handle);
    }
    if (type != CU_MEM_HANDLE_TYPE_FABRIC) {
      return cudaErrorNotSupported;
    }
    engine::FabricName name;
    std::memcpy(static_cast<void*>(&name), shareable, sizeof name);
    return engine::vmm_import_fabric(name, device, handle);
  });
}

}  // extern "C"
