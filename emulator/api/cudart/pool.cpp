// Stream-ordered allocation. Pools here are names for the device's heap: no caching, no thresholds.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_map.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <set>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;

struct Pool {
  int device = 0;
  std::map<int, std::uint64_t> attributes;
};

struct Pools {
  std::mutex mutex;
  std::map<int, Pool*> default_of;
  std::map<int, Pool*> current_of;
  std::set<Pool*> all;

  Pool* create(int device) {
    auto* pool = new Pool;
    pool->device = device;
    all.insert(pool);
    return pool;
  }
  Pool* default_pool(int device) {
    Pool*& pool = default_of[device];
    pool = pool == nullptr ? create(device) : pool;
    return pool;
  }
  Pool* current_pool(int device) {
    Pool*& pool = current_of[device];
    pool = pool == nullptr ? default_pool(device) : pool;
    return pool;
  }
};

Pools& pools() {
  static Pools* const instance = new Pools;  // leaked: see Core
  return *instance;
}

template <typename Body>
cudaError_t with_pools(const char* name, Body&& body) {
  return api_call(name, [&](Core& core) {
    const std::scoped_lock lock(pools().mutex);
    return std::forward<Body>(body)(core, pools());
  });
}

cudaError_t allocate(const char* name, void** pointer, std::size_t bytes, cudaStream_t handle,
                     Pool* pool, bool is_per_thread) {
  return api_call(name, [&](Core& core) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    const int device = pool == nullptr ? stream->device->ordinal : pool->device;
    if (engine::graph::is_capturing(*stream)) {
      cudaMemAllocNodeParams parameters{};
      parameters.poolProps.allocType = cudaMemAllocationTypePinned;
      parameters.poolProps.location = {cudaMemLocationTypeDevice, device};
      parameters.bytesize = bytes;
      return engine::graph::capture_allocation(*stream, parameters, pointer);
    }
    if (const cudaError_t error = engine::graph::refuse_implicit(*stream); error != cudaSuccess) {
      return error;
    }
    return core.memory().allocate_device(core.device(device), pointer, bytes);
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

Pool* to_pool(cudaMemPool_t handle) {
  return reinterpret_cast<Pool*>(handle);
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
  return with_pools("cudaDeviceGetDefaultMemPool", [&](Core& core, Pools& all) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *pool = reinterpret_cast<cudaMemPool_t>(all.default_pool(device));
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetMemPool(cudaMemPool_t* pool, int device) {
  return with_pools("cudaDeviceGetMemPool", [&](Core& core, Pools& all) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *pool = reinterpret_cast<cudaMemPool_t>(all.current_pool(device));
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceSetMemPool(int device, cudaMemPool_t pool) {
  return with_pools("cudaDeviceSetMemPool", [&](Core& core, Pools& all) {
    if (!core.is_device(device) || !all.all.contains(to_pool(pool))) {
      return cudaErrorInvalidValue;
    }
    all.current_of[device] = to_pool(pool);
    return cudaSuccess;
  });
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps* properties) {
  return with_pools("cudaMemPoolCreate", [&](Core& core, Pools& all) {
    const bool is_plain = properties->allocType == cudaMemAllocationTypePinned &&
                          properties->location.type == cudaMemLocationTypeDevice &&
                          core.is_device(properties->location.id);
    if (!is_plain) {
      return cudaErrorInvalidValue;
    }
    if (properties->handleTypes != cudaMemHandleTypeNone) {
      return cudaErrorNotSupported;
    }
    *pool = reinterpret_cast<cudaMemPool_t>(all.create(properties->location.id));
    return cudaSuccess;
  });
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) {
  return with_pools("cudaMemPoolDestroy", [&](Core&, Pools& all) {
    Pool* entry = to_pool(pool);
    if (!all.all.contains(entry) || all.default_of[entry->device] == entry) {
      return cudaErrorInvalidValue;
    }
    if (all.current_of[entry->device] == entry) {
      all.current_of[entry->device] = nullptr;
    }
    all.all.erase(entry);
    delete entry;
    return cudaSuccess;
  });
}
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t /*pool*/, std::size_t /*bytes*/) {
  return with_pools("cudaMemPoolTrimTo", [](Core&, Pools&) { return cudaSuccess; });
}
cudaError_t cudaMemPoolSetAccess(cudaMemPool_t /*pool*/, const cudaMemAccessDesc* /*access*/,
                                 std::size_t /*count*/) {
  return with_pools("cudaMemPoolSetAccess", [](Core&, Pools&) { return cudaSuccess; });
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return with_pools("cudaMemPoolSetAttribute", [&](Core&, Pools& all) {
    if (!all.all.contains(to_pool(pool))) {
      return cudaErrorInvalidValue;
    }
    to_pool(pool)->attributes[attribute] =
        attribute == cudaMemPoolAttrReleaseThreshold
            ? *static_cast<std::uint64_t*>(value)
            : static_cast<std::uint64_t>(*static_cast<int*>(value));
    return cudaSuccess;
  });
}
cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  return with_pools("cudaMemPoolGetAttribute", [&](Core&, Pools& all) {
    if (!all.all.contains(to_pool(pool))) {
      return cudaErrorInvalidValue;
    }
    switch (attribute) {
      case cudaMemPoolAttrReleaseThreshold:
        *static_cast<std::uint64_t*>(value) = to_pool(pool)->attributes[attribute];
        return cudaSuccess;
      case cudaMemPoolReuseFollowEventDependencies:
      case cudaMemPoolReuseAllowOpportunistic:
      case cudaMemPoolReuseAllowInternalDependencies:
        *static_cast<int*>(value) = static_cast<int>(to_pool(pool)->attributes[attribute]);
        return cudaSuccess;
      default:
        return cudaErrorNotSupported;
    }
  });
}

}  // extern "C"
