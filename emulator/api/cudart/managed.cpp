// Managed memory: advice, prefetches and what was advised.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;

// What was said of an allocation; CUDA keeps it by page, here the last word counts for all of it.
struct Advice {
  bool is_read_mostly = false;
  cudaMemLocation preferred = {cudaMemLocationTypeInvalid, cudaInvalidDeviceId};
  cudaMemLocation prefetched = {cudaMemLocationTypeInvalid, cudaInvalidDeviceId};
  std::set<int> accessed_by;
};

struct State {
  std::mutex mutex;
  std::map<std::uint64_t, Advice> of_allocation;  // by id, which is never used again
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

std::optional<memory::Allocation> find_managed(const void* pointer, std::size_t bytes) {
  const auto allocation = engine::MemoryMap::find(pointer);
  const bool fits = allocation && allocation->kind == memory::Kind::managed && bytes != 0 &&
                    reinterpret_cast<std::uintptr_t>(pointer) - allocation->base + bytes <=
                        allocation->size_bytes;
  return fits ? allocation : std::nullopt;
}

cudaError_t check_place(const cudaMemLocation& location) {
  switch (location.type) {
    case cudaMemLocationTypeDevice:
      return Core::instance().is_device(location.id) ? cudaSuccess : cudaErrorInvalidDevice;
    case cudaMemLocationTypeHost:
    case cudaMemLocationTypeHostNuma:
    case cudaMemLocationTypeHostNumaCurrent:
      return cudaSuccess;
    default:
      return cudaErrorInvalidValue;
  }
}

// How the attributes of before cudaMemLocation name a place.
int id_of(const cudaMemLocation& location) {
  return location.type == cudaMemLocationTypeDevice    ? location.id
         : location.type == cudaMemLocationTypeInvalid ? cudaInvalidDeviceId
                                                       : cudaCpuDeviceId;
}

cudaError_t prefetch(const void* pointer, std::size_t bytes, const cudaMemLocation& location,
                     unsigned flags, cudaStream_t handle, bool is_per_thread) {
  return api_call("cudaMemPrefetchAsync", [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    if (const cudaError_t error = check_place(location); error != cudaSuccess) {
      return error;
    }
    const auto allocation = find_managed(pointer, bytes);
    if (!allocation || flags != 0) {
      return cudaErrorInvalidValue;
    }
    // Memory is where both sides see it: nothing moves, and a graph has nothing to do.
    const std::scoped_lock lock(state().mutex);
    state().of_allocation[allocation->id].prefetched = location;
    return cudaSuccess;
  });
}

cudaError_t read_attribute(void* data, std::size_t size, cudaMemRangeAttribute attribute,
                           const Advice& advice) {
  const auto answer = [&](int value) {
    if (size != sizeof value) {
      return cudaErrorInvalidValue;
    }
    std::memcpy(data, &value, sizeof value);
    return cudaSuccess;
  };
  switch (attribute) {
    case cudaMemRangeAttributeReadMostly:
      return answer(advice.is_read_mostly ? 1 : 0);
    case cudaMemRangeAttributePreferredLocation:
      return answer(id_of(advice.preferred));
    case cudaMemRangeAttributeLastPrefetchLocation:
      return answer(id_of(advice.prefetched));
    case cudaMemRangeAttributePreferredLocationType:
      return answer(advice.preferred.type);
    case cudaMemRangeAttributePreferredLocationId:
      return answer(advice.preferred.id);
    case cudaMemRangeAttributeLastPrefetchLocationType:
      return answer(advice.prefetched.type);
    case cudaMemRangeAttributeLastPrefetchLocationId:
      return answer(advice.prefetched.id);
    case cudaMemRangeAttributeAccessedBy: {
      if (size == 0 || size % sizeof(int) != 0) {
        return cudaErrorInvalidValue;
      }
      auto device = advice.accessed_by.begin();
      for (std::size_t i = 0; i < size / sizeof(int); ++i) {
        const int id = device != advice.accessed_by.end() ? *device++ : cudaInvalidDeviceId;
        std::memcpy(static_cast<int*>(data) + i, &id, sizeof id);
      }
      return cudaSuccess;
    }
  }
  return cudaErrorInvalidValue;
}

}  // namespace

extern "C" {

cudaError_t cudaMemPrefetchAsync(const void* pointer, std::size_t bytes, cudaMemLocation location,
                                 unsigned flags, cudaStream_t stream) {
  return prefetch(pointer, bytes, location, flags, stream, false);
}
cudaError_t cudaMemPrefetchAsync_ptsz(const void* pointer, std::size_t bytes,
                                      cudaMemLocation location, unsigned flags,
                                      cudaStream_t stream) {
  return prefetch(pointer, bytes, location, flags, stream, true);
}

cudaError_t cudaMemAdvise(const void* pointer, std::size_t bytes, cudaMemoryAdvise advice,
                          cudaMemLocation location) {
  return api_call("cudaMemAdvise", [&](Core&) {
    const auto allocation = find_managed(pointer, bytes);
    const bool needs_place = advice != cudaMemAdviseSetReadMostly &&
                             advice != cudaMemAdviseUnsetReadMostly &&
                             advice != cudaMemAdviseUnsetPreferredLocation;
    if (!allocation) {
      return cudaErrorInvalidValue;
    }
    if (const cudaError_t error = needs_place ? check_place(location) : cudaSuccess;
        error != cudaSuccess) {
      return error;
    }
    const std::scoped_lock lock(state().mutex);
    Advice& known = state().of_allocation[allocation->id];
    switch (advice) {
      case cudaMemAdviseSetReadMostly:
      case cudaMemAdviseUnsetReadMostly:
        known.is_read_mostly = advice == cudaMemAdviseSetReadMostly;
        return cudaSuccess;
      case cudaMemAdviseSetPreferredLocation:
        known.preferred = location;
        return cudaSuccess;
      case cudaMemAdviseUnsetPreferredLocation:
        known.preferred = {cudaMemLocationTypeInvalid, cudaInvalidDeviceId};
        return cudaSuccess;
      case cudaMemAdviseSetAccessedBy:
        known.accessed_by.insert(id_of(location));
        return cudaSuccess;
      case cudaMemAdviseUnsetAccessedBy:
        known.accessed_by.erase(id_of(location));
        return cudaSuccess;
    }
    return cudaErrorInvalidValue;
  });
}

cudaError_t cudaMemRangeGetAttribute(void* data, std::size_t size, cudaMemRangeAttribute attribute,
                                     const void* pointer, std::size_t bytes) {
  return cudaMemRangeGetAttributes(&data, &size, &attribute, 1, pointer, bytes);
}
cudaError_t cudaMemRangeGetAttributes(void** data, std::size_t* sizes,
                                      cudaMemRangeAttribute* attributes, std::size_t count,
                                      const void* pointer, std::size_t bytes) {
  return api_call("cudaMemRangeGetAttributes", [&](Core&) {
    const auto allocation = find_managed(pointer, bytes);
    if (!allocation || data == nullptr || sizes == nullptr || attributes == nullptr) {
      return cudaErrorInvalidValue;
    }
    const std::scoped_lock lock(state().mutex);
    for (std::size_t i = 0; i < count; ++i) {
      const cudaError_t error =
          read_attribute(data[i], sizes[i], attributes[i], state().of_allocation[allocation->id]);
      if (error != cudaSuccess) {
        return error;
      }
    }
    return cudaSuccess;
  });
}

}  // extern "C"
