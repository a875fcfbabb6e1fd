// Allocation, host memory, managed memory, pointer queries, IPC.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <cstring>
#include <utility>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using api::query_call;
using engine::Core;
using engine::current_device;

constexpr std::size_t kPitchAlignment = 512;

// Allocation may wait for other streams, so captures refuse it.
template <typename Body>
cudaError_t unsafe_call(const char* name, Body&& body) noexcept {
  return api_call(name, [&](Core& core) {
    const cudaError_t error = engine::graph::refuse_unsafe();
    return error == cudaSuccess ? std::forward<Body>(body)(core) : error;
  });
}

cudaError_t allocate_host(const char* name, void** pointer, std::size_t bytes, unsigned flags) {
  return unsafe_call(name, [&](Core& core) {
    return pointer == nullptr
               ? cudaErrorInvalidValue
               : core.memory().allocate_host(pointer, bytes, flags, current_device().ordinal);
  });
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  return unsafe_call("cudaMalloc", [&](Core& core) {
    return pointer == nullptr ? cudaErrorInvalidValue
                              : core.memory().allocate_device(current_device(), pointer, bytes);
  });
}

cudaError_t cudaMallocPitch(void** pointer, std::size_t* pitch, std::size_t width,
                            std::size_t height) {
  return unsafe_call("cudaMallocPitch", [&](Core& core) {
    *pitch = (width + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
    return core.memory().allocate_device(current_device(), pointer, *pitch * height);
  });
}

cudaError_t cudaMalloc3D(cudaPitchedPtr* pointer, cudaExtent extent) {
  return unsafe_call("cudaMalloc3D", [&](Core& core) {
    pointer->pitch = (extent.width + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
    pointer->xsize = extent.width;
    pointer->ysize = extent.height;
    return core.memory().allocate_device(current_device(), &pointer->ptr,
                                         pointer->pitch * extent.height * extent.depth);
  });
}

// CUDA waits for the device before it frees.
cudaError_t cudaFree(void* pointer) {
  return unsafe_call("cudaFree", [&](Core& core) {
    engine::graph::note_free(pointer);
    if (const auto allocation = engine::MemoryMap::find(pointer)) {
      core.executor().drain(core.device(allocation->device));
    }
    return core.memory().free_device(pointer);
  });
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return allocate_host("cudaMallocHost", pointer, bytes, cudaHostAllocDefault);
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  return allocate_host("cudaHostAlloc", pointer, bytes, flags);
}
cudaError_t cudaFreeHost(void* pointer) {
  return unsafe_call("cudaFreeHost", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().free_host(pointer);
  });
}
cudaError_t cudaHostRegister(void* pointer, std::size_t bytes, unsigned flags) {
  return unsafe_call("cudaHostRegister", [&](Core& core) {
    return core.memory().register_host(pointer, bytes, flags, current_device().ordinal);
  });
}
cudaError_t cudaHostUnregister(void* pointer) {
  return unsafe_call("cudaHostUnregister", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().unregister_host(pointer);
  });
}
cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned /*flags*/) {
  return api_call("cudaHostGetDevicePointer", [&](Core& core) {
    if (!core.memory().host_flags(host)) {
      return cudaErrorInvalidValue;
    }
    *device = host;
    return cudaSuccess;
  });
}
cudaError_t cudaHostGetFlags(unsigned* flags, void* host) {
  return api_call("cudaHostGetFlags", [&](Core& core) {
    const auto found = core.memory().host_flags(host);
    *flags = found.value_or(0);
    return found ? cudaSuccess : cudaErrorInvalidValue;
  });
}

cudaError_t cudaMallocManaged(void** pointer, std::size_t bytes, unsigned flags) {
  return unsafe_call("cudaMallocManaged", [&](Core& core) {
    // Single attachment is for streams alone (CUDA runtime API, cudaMallocManaged).
    if (pointer == nullptr || (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost)) {
      return cudaErrorInvalidValue;
    }
    return core.memory().allocate_managed(pointer, bytes, current_device().ordinal);
  });
}
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  return api_call("cudaMemGetInfo", [&](Core&) {
    *free_bytes = current_device().heap.free_bytes();
    *total_bytes = current_device().heap.capacity_bytes();
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  return query_call("cudaPointerGetAttributes", [&](Core&) {
    *attributes = {};
    const auto allocation = engine::MemoryMap::find(pointer);
    auto* address = const_cast<void*>(pointer);
    attributes->hostPointer = address;
    if (!allocation) {
      attributes->type = cudaMemoryTypeUnregistered;
      attributes->device = cudaInvalidDeviceId;
      return cudaSuccess;
    }
    attributes->device = allocation->device;
    attributes->devicePointer = address;
    switch (allocation->kind) {
      case memory::Kind::pinned_host:
        attributes->type = cudaMemoryTypeHost;
        break;
      case memory::Kind::managed:
        attributes->type = cudaMemoryTypeManaged;
        break;
      default:
        attributes->type = cudaMemoryTypeDevice;
        attributes->hostPointer = nullptr;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaIpcGetMemHandle(cudaIpcMemHandle_t* handle, void* pointer) {
  return api_call("cudaIpcGetMemHandle", [&](Core& core) {
    engine::SharedMemoryName name;
    const cudaError_t error = core.memory().export_shared(pointer, name);
    std::memset(handle, 0, sizeof *handle);
    std::memcpy(handle, &name, sizeof name);
    return error;
  });
}
cudaError_t cudaIpcOpenMemHandle(void** pointer, cudaIpcMemHandle_t handle, unsigned flags) {
  return api_call("cudaIpcOpenMemHandle", [&](Core& core) {
    if (flags != cudaIpcMemLazyEnablePeerAccess) {
      return cudaErrorInvalidValue;
    }
    engine::SharedMemoryName name;
    std::memcpy(static_cast<void*>(&name), &handle, sizeof name);
    return core.memory().import_shared(name, pointer, current_device().ordinal);
  });
}
cudaError_t cudaIpcCloseMemHandle(void* pointer) {
  return api_call("cudaIpcCloseMemHandle", [&](Core& core) {
    core.executor().drain(current_device());
    return core.memory().close_shared(pointer);
  });
}

}  // extern "C"
