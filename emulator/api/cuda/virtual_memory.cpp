// Driver: virtual memory management.

#include "emulator/engine/virtual_memory.hpp"

#include "emulator/api/cuda/driver_call.hpp"

#include <cuda.h>

#include <cstdint>
#include <cstring>
#include <optional>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_query;
using engine::Core;

namespace {

constexpr unsigned kHandleTypes =
    CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR | CU_MEM_HANDLE_TYPE_FABRIC;

/// Device memory, or host memory of any NUMA node (the emulator does not tell nodes apart).
cudaError_t read_properties(Core& core, const CUmemAllocationProp& asked,
                            engine::VmmProperties& properties) {
  const bool is_device = asked.location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  const bool is_host = asked.location.type == CU_MEM_LOCATION_TYPE_HOST ||
                       asked.location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA ||
                       asked.location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
  if (asked.type != CU_MEM_ALLOCATION_TYPE_PINNED || (!is_device && !is_host)) {
    return cudaErrorInvalidValue;
  }
  if (is_device && !core.is_device(asked.location.id)) {
    return cudaErrorInvalidDevice;
  }
  const auto handle_types = static_cast<unsigned>(asked.requestedHandleTypes);
  if ((handle_types & ~kHandleTypes) != 0) {
    return cudaErrorNotSupported;
  }
  properties = {is_device ? asked.location.id : engine::thread_state().device, is_host,
                handle_types};
  return cudaSuccess;
}

// A bit as engine::vmm_set_access() wants it; nullopt: no such device.
std::optional<std::uint64_t> who_is(Core& core, const CUmemLocation& location) {
  if (location.type != CU_MEM_LOCATION_TYPE_DEVICE) {
    return engine::kVmmHost;
  }
  return core.is_device(location.id) ? std::optional(std::uint64_t{1} << location.id)
                                     : std::nullopt;
}

}  // namespace

extern "C" {

CUresult cuMemGetAllocationGranularity(std::size_t* bytes, const CUmemAllocationProp* asked,
                                       CUmemAllocationGranularity_flags /*option*/) {
  return driver_query("cuMemGetAllocationGranularity", [&](Core& core) {
    engine::VmmProperties properties;
    *bytes = engine::kVmmGranularityBytes;
    return read_properties(core, *asked, properties);
  });
}
CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, std::size_t bytes,
                     const CUmemAllocationProp* asked, unsigned long long flags) {
  return driver_query("cuMemCreate", [&](Core& core) {
    engine::VmmProperties properties;
    const cudaError_t error =
        flags != 0 ? cudaErrorInvalidValue : read_properties(core, *asked, properties);
    return error == cudaSuccess ? engine::vmm_create(bytes, properties, handle) : error;
  });
}
CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return driver_query("cuMemRelease", [&](Core&) { return engine::vmm_release(handle); });
}
CUresult cuMemAddressReserve(CUdeviceptr* address, std::size_t bytes, std::size_t alignment,
                             CUdeviceptr /*hint*/, unsigned long long /*flags*/) {
  return driver_query("cuMemAddressReserve",
                      [&](Core&) { return engine::vmm_reserve(bytes, alignment, address); });
}
CUresult cuMemAddressFree(CUdeviceptr address, std::size_t bytes) {
  return driver_query("cuMemAddressFree", [&](Core&) { return engine::vmm_free(address, bytes); });
}
CUresult cuMemMap(CUdeviceptr address, std::size_t bytes, std::size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long /*flags*/) {
  return driver_query("cuMemMap",
                      [&](Core&) { return engine::vmm_map(address, bytes, offset, handle); });
}
CUresult cuMemUnmap(CUdeviceptr address, std::size_t bytes) {
  return driver_query("cuMemUnmap", [&](Core& core) {
    core.executor().drain(engine::current_device());
    return engine::vmm_unmap(address, bytes);
  });
}
CUresult cuMemSetAccess(CUdeviceptr address, std::size_t bytes, const CUmemAccessDesc* access,
                        std::size_t count) {
  return driver_query("cuMemSetAccess", [&](Core& core) {
    std::uint64_t granted = 0;
    std::uint64_t revoked = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::optional<std::uint64_t> who = who_is(core, access[i].location);
      if (!who) {
        return cudaErrorInvalidDevice;
      }
      (access[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE ? granted : revoked) |= *who;
    }
    return engine::vmm_set_access(address, bytes, granted, revoked);
  });
}
CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* address) {
  return driver_query("cuMemRetainAllocationHandle",
                      [&](Core&) { return engine::vmm_retain(address, handle); });
}
CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location,
                        CUdeviceptr address) {
  return driver_query("cuMemGetAccess", [&](Core& core) {
    std::uint64_t access = 0;
    const cudaError_t error = engine::vmm_get_access(address, access);
    *flags = (access & who_is(core, *location).value_or(0)) != 0
                 ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
                 : CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return error;
  });
}
CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* answer,
                                                CUmemGenericAllocationHandle handle) {
  return driver_query("cuMemGetAllocationPropertiesFromHandle", [&](Core&) {
    engine::VmmProperties properties;
    const cudaError_t error = engine::vmm_properties(handle, properties);
    *answer = {};
    answer->type = CU_MEM_ALLOCATION_TYPE_PINNED;
    answer->requestedHandleTypes = static_cast<CUmemAllocationHandleType>(properties.handle_types);
    answer->location.type =
        properties.is_host ? CU_MEM_LOCATION_TYPE_HOST_NUMA : CU_MEM_LOCATION_TYPE_DEVICE;
    answer->location.id = properties.is_host ? 0 : properties.device;
    return error;
  });
}
// No dma-buf, no multicast: the device attributes say so, and so do the functions.
CUresult cuMemGetHandleForAddressRange(void* /*handle*/, CUdeviceptr /*address*/,
                                       std::size_t /*bytes*/, CUmemRangeHandleType /*type*/,
                                       unsigned long long /*flags*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastCreate(CUmemGenericAllocationHandle* /*handle*/,
                           const CUmulticastObjectProp* /*properties*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastAddDevice(CUmemGenericAllocationHandle /*handle*/, CUdevice /*device*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastBindMem(CUmemGenericAllocationHandle /*handle*/, std::size_t /*offset*/,
                            CUmemGenericAllocationHandle /*memory*/, std::size_t /*memory_offset*/,
                            std::size_t /*bytes*/, unsigned long long /*flags*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle /*handle*/, std::size_t /*offset*/,
                             CUdeviceptr /*address*/, std::size_t /*bytes*/,
                             unsigned long long /*flags*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastUnbind(CUmemGenericAllocationHandle /*handle*/, CUdevice /*device*/,
                           std::size_t /*offset*/, std::size_t /*bytes*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMulticastGetGranularity(std::size_t* /*bytes*/,
                                   const CUmulticastObjectProp* /*properties*/,
                                   CUmulticastGranularity_flags /*option*/) {
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuMemExportToShareableHandle(void* shareable, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type,
                                      unsigned long long /*flags*/) {
  return driver_query("cuMemExportToShareableHandle", [&](Core&) {
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
  return driver_query("cuMemImportFromShareableHandle", [&](Core&) {
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
