// Stream-ordered allocation and pools.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_pool.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;
using engine::Pool;

Pool* to_pool(cudaMemPool_t handle) {
  return reinterpret_cast<Pool*>(handle);
}
cudaMemPool_t handle_of(Pool* pool) {
  return reinterpret_cast<cudaMemPool_t>(pool);
}

cudaError_t allocate(const char* name, void** pointer, std::size_t bytes, cudaStream_t handle,
                     Pool* pool, bool is_per_thread) {
  return api_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    if (pointer == nullptr || (pool != nullptr && !engine::is_pool(pool))) {
      return cudaErrorInvalidValue;
    }
    Pool* source = pool != nullptr ? pool : engine::current_pool(stream->device->ordinal);
    if (engine::graph::is_capturing(*stream)) {
      cudaMemAllocNodeParams parameters{};
      parameters.poolProps.allocType = cudaMemAllocationTypePinned;
      parameters.poolProps.location = {cudaMemLocationTypeDevice, engine::pool_device(source)};
      parameters.bytesize = bytes;
      return engine::graph::capture_allocation(*stream, parameters, pointer);
    }
    if (const cudaError_t error = engine::graph::refuse_implicit(*stream); error != cudaSuccess) {
      return error;
    }
    return engine::allocate_from(source, *stream, bytes, pointer);
  });
}

cudaError_t free_async(void* pointer, cudaStream_t handle, bool is_per_thread) {
  return api_call("cudaFreeAsync", [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    return pointer == nullptr ? cudaSuccess : engine::free_in_order(pointer, *stream);
  });
}

// Pools of host memory and of managed memory are newer than anything that needs them here.
cudaError_t check_location(const cudaMemLocation* location, cudaMemAllocationType type) {
  if (location == nullptr) {
    return cudaErrorInvalidValue;
  }
  if (location->type != cudaMemLocationTypeDevice || type != cudaMemAllocationTypePinned) {
    return cudaErrorNotSupported;
  }
  return Core::instance().is_device(location->id) ? cudaSuccess : cudaErrorInvalidDevice;
}

template <typename Choose>
cudaError_t get_pool(const char* name, cudaMemPool_t* pool, int device, Choose&& choose) {
  return api_call(name, [&](Core& core) {
    if (pool == nullptr || !core.is_device(device)) {
      return pool == nullptr ? cudaErrorInvalidValue : cudaErrorInvalidDevice;
    }
    *pool = handle_of(choose(device));
    return cudaSuccess;
  });
}

template <typename Choose>
cudaError_t get_pool_at(const char* name, cudaMemPool_t* pool, const cudaMemLocation* location,
                        cudaMemAllocationType type, Choose&& choose) {
  const cudaError_t error = check_location(location, type);
  return error != cudaSuccess ? api::finish_call(name, error)
                              : get_pool(name, pool, location->id, choose);
}

}  // namespace

extern "C" {

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return allocate("cudaMallocAsync", pointer, bytes, stream, nullptr, false);
}
cudaError_t cudaMallocAsync_ptsz(void** pointer, std::size_t bytes, cudaStream_t stream) {
  return allocate("cudaMallocAsync", pointer, bytes, stream, nullptr, true);
}
cudaError_t cudaMallocFromPoolAsync(void** pointer, std::size_t bytes, cudaMemPool_t pool,
                                    cudaStream_t stream) {
  return allocate("cudaMallocFromPoolAsync", pointer, bytes, stream, to_pool(pool), false);
}
cudaError_t cudaMallocFromPoolAsync_ptsz(void** pointer, std::size_t bytes, cudaMemPool_t pool,
                                         cudaStream_t stream) {
  return allocate("cudaMallocFromPoolAsync", pointer, bytes, stream, to_pool(pool), true);
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  return free_async(pointer, stream, false);
}
cudaError_t cudaFreeAsync_ptsz(void* pointer, cudaStream_t stream) {
  return free_async(pointer, stream, true);
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  return get_pool("cudaDeviceGetDefaultMemPool", pool, device, engine::default_pool);
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return get_pool("cudaDeviceGetMemPool", pool, device, engine::current_pool);
}
cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return api_call("cudaDeviceSetMemPool", [&](Core& core) {
    return core.is_device(device) ? engine::set_current_pool(device, to_pool(pool))
                                  : cudaErrorInvalidDevice;
  });
}
cudaError_t cudaMemGetDefaultMemPool(cudaMemPool_t* pool, cudaMemLocation* location,
                                     cudaMemAllocationType type) {
  return get_pool_at("cudaMemGetDefaultMemPool", pool, location, type, engine::default_pool);
}
cudaError_t cudaMemGetMemPool(cudaMemPool_t* pool, cudaMemLocation* location,
                              cudaMemAllocationType type) {
  return get_pool_at("cudaMemGetMemPool", pool, location, type, engine::current_pool);
}
cudaError_t cudaMemSetMemPool(cudaMemLocation* location, cudaMemAllocationType type,
                              cudaMemPool_t pool) {
  return api_call("cudaMemSetMemPool", [&](Core&) {
    const cudaError_t error = check_location(location, type);
    return error != cudaSuccess ? error : engine::set_current_pool(location->id, to_pool(pool));
  });
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  return api_call("cudaMemPoolCreate", [&](Core&) {
    if (pool == nullptr || properties == nullptr) {
      return cudaErrorInvalidValue;
    }
    Pool* made = nullptr;
    const cudaError_t error = engine::create_pool(*properties, &made);
    *pool = handle_of(made);
    return error;
  });
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return api_call("cudaMemPoolDestroy", [&](Core&) { return engine::destroy_pool(to_pool(pool)); });
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t pool, std::size_t bytes) {
  return api_call("cudaMemPoolTrimTo",
                  [&](Core&) { return engine::trim_pool(to_pool(pool), bytes); });
}
cudaError_t cudaMemPoolSetAccess(cudaMemPool_t pool, const cudaMemAccessDesc* access,
                                 std::size_t count) {
  return api_call("cudaMemPoolSetAccess", [&](Core&) {
    return access == nullptr && count != 0 ? cudaErrorInvalidValue
                                           : engine::set_access(to_pool(pool), access, count);
  });
}
cudaError_t cudaMemPoolGetAccess(cudaMemAccessFlags* flags, cudaMemPool_t pool,
                                 cudaMemLocation* location) {
  return api_call("cudaMemPoolGetAccess", [&](Core&) {
    return flags == nullptr || location == nullptr
               ? cudaErrorInvalidValue
               : engine::get_access(to_pool(pool), *location, flags);
  });
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return api_call("cudaMemPoolSetAttribute", [&](Core&) {
    return value == nullptr ? cudaErrorInvalidValue
                            : engine::set_attribute(to_pool(pool), attribute, value);
  });
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return api_call("cudaMemPoolGetAttribute", [&](Core&) {
    return value == nullptr ? cudaErrorInvalidValue
                            : engine::get_attribute(to_pool(pool), attribute, value);
  });
}
cudaError_t cudaMemPoolExportToShareableHandle(void* handle, cudaMemPool_t pool,
                                               cudaMemAllocationHandleType type, unsigned flags) {
  return api_call("cudaMemPoolExportToShareableHandle", [&](Core&) {
    if (handle == nullptr || flags != 0) {
      return cudaErrorInvalidValue;
    }
    return type == cudaMemHandleTypePosixFileDescriptor
               ? engine::export_pool(to_pool(pool), static_cast<int*>(handle))
               : cudaErrorNotSupported;
  });
}
cudaError_t cudaMemPoolImportFromShareableHandle(cudaMemPool_t* pool, void* handle,
                                                 cudaMemAllocationHandleType type, unsigned flags) {
  return api_call("cudaMemPoolImportFromShareableHandle", [&](Core&) {
    if (pool == nullptr || flags != 0) {
      return cudaErrorInvalidValue;
    }
    if (type != cudaMemHandleTypePosixFileDescriptor) {
      return cudaErrorNotSupported;
    }
    // The descriptor itself is passed where a pointer is expected.
    Pool* made = nullptr;
    const cudaError_t error =
        engine::import_pool(static_cast<int>(reinterpret_cast<std::intptr_t>(handle)),
                            engine::current_device().ordinal, &made);
    *pool = handle_of(made);
    return error;
  });
}
cudaError_t cudaMemPoolExportPointer(cudaMemPoolPtrExportData* data, void* pointer) {
  return api_call("cudaMemPoolExportPointer", [&](Core&) {
    return data == nullptr ? cudaErrorInvalidValue : engine::export_pointer(pointer, data);
  });
}
cudaError_t cudaMemPoolImportPointer(void** pointer, cudaMemPool_t pool,
                                     cudaMemPoolPtrExportData* data) {
  return api_call("cudaMemPoolImportPointer", [&](Core&) {
    return pointer == nullptr || data == nullptr
               ? cudaErrorInvalidValue
               : engine::import_pointer(to_pool(pool), *data, pointer);
  });
}

}  // extern "C"
