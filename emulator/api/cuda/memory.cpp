// Driver: memory, copies, fills, pointers, IPC.

#include "emulator/api/cuda/context.hpp"
#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer.hpp"
#include "emulator/engine/virtual_memory.hpp"

#include <cuda.h>

#include <cstring>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;
using engine::current_device;

namespace {

void* pointer(CUdeviceptr address) {
  return reinterpret_cast<void*>(address);
}

CUresult copy(const char* name, void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
              CUstream handle, bool is_synchronous) {
  return driver_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle);
    return stream == nullptr
               ? cudaErrorInvalidResourceHandle
               : engine::copy(to, from, {.width_bytes = bytes}, kind, *stream, is_synchronous);
  });
}

CUresult fill(const char* name, CUdeviceptr to, std::uint32_t value, std::size_t elements,
              std::size_t element_bytes, CUstream handle, bool is_synchronous) {
  return driver_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle);
    return stream == nullptr
               ? cudaErrorInvalidResourceHandle
               : engine::fill(pointer(to), value,
                              {.width_elements = elements, .element_bytes = element_bytes}, *stream,
                              is_synchronous);
  });
}

cudaError_t pointer_attribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  const auto allocation = engine::MemoryMap::find(pointer(address));
  if (!allocation) {
    return cudaErrorInvalidValue;
  }
  const bool is_host = allocation->kind == memory::Kind::pinned_host;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      *static_cast<CUcontext*>(data) = api::primary_context(allocation->device);
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      *static_cast<unsigned*>(data) = is_host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      *static_cast<CUdeviceptr*>(data) = address;
      return attribute == CU_POINTER_ATTRIBUTE_DEVICE_POINTER || is_host ||
                     allocation->kind == memory::Kind::managed
                 ? cudaSuccess
                 : cudaErrorInvalidValue;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
      *static_cast<std::uint64_t*>(data) = allocation->id;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
      *static_cast<unsigned*>(data) = allocation->kind == memory::Kind::managed ? 1 : 0;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      *static_cast<int*>(data) = allocation->device;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
      *static_cast<CUdeviceptr*>(data) = allocation->base;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
      *static_cast<std::size_t*>(data) = allocation->size_bytes;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_MAPPED:
      *static_cast<unsigned char*>(data) = 1;
      return cudaSuccess;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE: {
      const bool is_ipc = attribute == CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE;
      *static_cast<unsigned char*>(data) = is_ipc && allocation->kind == memory::Kind::device;
      return cudaSuccess;
    }
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: {
      CUmemGenericAllocationHandle handle = 0;
      engine::VmmProperties properties;
      if (engine::vmm_retain(pointer(address), &handle) == cudaSuccess) {
        (void)engine::vmm_properties(handle, properties);
        (void)engine::vmm_release(handle);
      }
      *static_cast<std::uint64_t*>(data) = properties.handle_types;
      return cudaSuccess;
    }
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      *static_cast<void**>(data) = nullptr;
      return cudaSuccess;
    default:
      return cudaErrorNotSupported;
  }
}

}  // namespace

extern "C" {

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  return driver_call("cuMemAlloc", [&](Core& core) {
    return address == nullptr || bytes == 0
               ? cudaErrorInvalidValue
               : core.memory().allocate_device(current_device(), reinterpret_cast<void**>(address),
                                               bytes);
  });
}
CUresult cuMemFree(CUdeviceptr address) {
  return driver_call("cuMemFree", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().free_device(pointer(address));
  });
}
CUresult cuMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  return driver_call("cuMemGetInfo", [&](Core&) {
    *free_bytes = current_device().heap.free_bytes();
    *total_bytes = current_device().heap.capacity_bytes();
    return cudaSuccess;
  });
}
CUresult cuMemGetAddressRange(CUdeviceptr* base, std::size_t* bytes, CUdeviceptr address) {
  return driver_call("cuMemGetAddressRange", [&](Core&) {
    const auto allocation = engine::MemoryMap::find(pointer(address));
    if (!allocation) {
      return cudaErrorInvalidSymbol;  // CUDA_ERROR_NOT_FOUND
    }
    if (base != nullptr) {
      *base = allocation->base;
    }
    if (bytes != nullptr) {
      *bytes = allocation->size_bytes;
    }
    return cudaSuccess;
  });
}
CUresult cuMemAllocHost(void** address, std::size_t bytes) {
  return driver_call("cuMemAllocHost", [&](Core& core) {
    return core.memory().allocate_host(address, bytes, 0, current_device().ordinal);
  });
}
CUresult cuMemHostAlloc(void** address, std::size_t bytes, unsigned flags) {
  return driver_call("cuMemHostAlloc", [&](Core& core) {
    return core.memory().allocate_host(address, bytes, flags, current_device().ordinal);
  });
}
CUresult cuMemFreeHost(void* address) {
  return driver_call("cuMemFreeHost", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().free_host(address);
  });
}
CUresult cuMemHostRegister(void* address, std::size_t bytes, unsigned flags) {
  return driver_call("cuMemHostRegister", [&](Core& core) {
    return core.memory().register_host(address, bytes, flags, current_device().ordinal);
  });
}
CUresult cuMemHostUnregister(void* address) {
  return driver_call("cuMemHostUnregister",
                     [&](Core& core) { return core.memory().unregister_host(address); });
}
CUresult cuMemHostGetDevicePointer(CUdeviceptr* device, void* host, unsigned /*flags*/) {
  return driver_call("cuMemHostGetDevicePointer", [&](Core& core) {
    *device = reinterpret_cast<CUdeviceptr>(host);
    return core.memory().host_flags(host) ? cudaSuccess : cudaErrorInvalidValue;
  });
}
CUresult cuMemAllocManaged(CUdeviceptr* address, std::size_t bytes, unsigned /*flags*/) {
  return driver_call("cuMemAllocManaged", [&](Core& core) {
    return core.memory().allocate_managed(reinterpret_cast<void**>(address), bytes,
                                          current_device().ordinal);
  });
}

CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  return copy("cuMemcpy", pointer(to), pointer(from), bytes, cudaMemcpyDefault, nullptr, true);
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy("cuMemcpyAsync", pointer(to), pointer(from), bytes, cudaMemcpyDefault, stream, false);
}
CUresult cuMemcpyHtoD(CUdeviceptr to, const void* from, std::size_t bytes) {
  return copy("cuMemcpyHtoD", pointer(to), from, bytes, cudaMemcpyHostToDevice, nullptr, true);
}
CUresult cuMemcpyDtoH(void* to, CUdeviceptr from, std::size_t bytes) {
  return copy("cuMemcpyDtoH", to, pointer(from), bytes, cudaMemcpyDeviceToHost, nullptr, true);
}
CUresult cuMemcpyDtoD(CUdeviceptr to, CUdeviceptr from, std::size_t bytes) {
  return copy("cuMemcpyDtoD", pointer(to), pointer(from), bytes, cudaMemcpyDeviceToDevice, nullptr,
              true);
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream stream) {
  return copy("cuMemcpyHtoDAsync", pointer(to), from, bytes, cudaMemcpyHostToDevice, stream, false);
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy("cuMemcpyDtoHAsync", to, pointer(from), bytes, cudaMemcpyDeviceToHost, stream, false);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream stream) {
  return copy("cuMemcpyDtoDAsync", pointer(to), pointer(from), bytes, cudaMemcpyDeviceToDevice,
              stream, false);
}

CUresult cuMemsetD8(CUdeviceptr to, unsigned char value, std::size_t elements) {
  return fill("cuMemsetD8", to, value, elements, 1, nullptr, true);
}
CUresult cuMemsetD16(CUdeviceptr to, unsigned short value, std::size_t elements) {
  return fill("cuMemsetD16", to, value, elements, 2, nullptr, true);
}
CUresult cuMemsetD32(CUdeviceptr to, unsigned value, std::size_t elements) {
  return fill("cuMemsetD32", to, value, elements, 4, nullptr, true);
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t elements,
                         CUstream stream) {
  return fill("cuMemsetD8Async", to, value, elements, 1, stream, false);
}
CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, std::size_t elements,
                          CUstream stream) {
  return fill("cuMemsetD16Async", to, value, elements, 2, stream, false);
}
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, std::size_t elements, CUstream stream) {
  return fill("cuMemsetD32Async", to, value, elements, 4, stream, false);
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr address) {
  return api::driver_query("cuPointerGetAttribute",
                           [&](Core&) { return pointer_attribute(data, attribute, address); });
}
CUresult cuPointerGetAttributes(unsigned count, CUpointer_attribute* attributes, void** data,
                                CUdeviceptr address) {
  return api::driver_query("cuPointerGetAttributes", [&](Core&) {
    for (unsigned i = 0; i < count; ++i) {
      const cudaError_t error = pointer_attribute(data[i], attributes[i], address);
      if (error == cudaErrorNotSupported) {
        return error;
      }
      if (error != cudaSuccess) {  // memory that CUDA does not know has attributes of zero
        const bool is_wide = attributes[i] == CU_POINTER_ATTRIBUTE_CONTEXT ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_POINTER ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_HOST_POINTER ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_BUFFER_ID ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_RANGE_START_ADDR ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_RANGE_SIZE ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES ||
                             attributes[i] == CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE;
        const bool is_narrow = attributes[i] == CU_POINTER_ATTRIBUTE_MAPPED ||
                               attributes[i] == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS;
        std::memset(data[i], 0, is_wide ? 8 : is_narrow ? 1 : 4);
      }
    }
    return cudaSuccess;
  });
}
CUresult cuPointerSetAttribute(const void* /*value*/, CUpointer_attribute attribute,
                               CUdeviceptr address) {
  // Copies to and from such memory are already synchronous where that attribute asks for it.
  return api::driver_query("cuPointerSetAttribute", [&](Core&) {
    return attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS &&
                   engine::MemoryMap::find(pointer(address))
               ? cudaSuccess
               : cudaErrorInvalidValue;
  });
}
CUresult cuMemHostGetFlags(unsigned* flags, void* host) {
  return driver_call("cuMemHostGetFlags", [&](Core& core) {
    const auto found = core.memory().host_flags(host);
    *flags = found.value_or(0);
    return found ? cudaSuccess : cudaErrorInvalidValue;
  });
}

CUresult cuIpcGetMemHandle(CUipcMemHandle* handle, CUdeviceptr address) {
  return driver_call("cuIpcGetMemHandle", [&](Core& core) {
    engine::SharedMemoryName name;
    const cudaError_t error = core.memory().export_shared(pointer(address), name);
    std::memset(handle, 0, sizeof *handle);
    std::memcpy(handle, &name, sizeof name);
    return error;
  });
}
CUresult cuIpcOpenMemHandle(CUdeviceptr* address, CUipcMemHandle handle, unsigned /*flags*/) {
  return driver_call("cuIpcOpenMemHandle", [&](Core& core) {
    engine::SharedMemoryName name;
    std::memcpy(static_cast<void*>(&name), &handle, sizeof name);
    return core.memory().import_shared(name, reinterpret_cast<void**>(address),
                                       current_device().ordinal);
  });
}
CUresult cuIpcCloseMemHandle(CUdeviceptr address) {
  return driver_call("cuIpcCloseMemHandle", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().close_shared(pointer(address));
  });
}

}  // extern "C"
