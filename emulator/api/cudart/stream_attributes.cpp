// Attributes of streams. They are kept and have no effect, like priorities.

#include "emulator/api/common/api_call.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using engine::Core;
using engine::Stream;

using Values = std::map<cudaLaunchAttributeID, cudaLaunchAttributeValue>;

struct State {
  std::mutex mutex;
  std::map<std::uint64_t, Values> of_stream;  // by id, which is never used again
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

bool is_stream_attribute(cudaLaunchAttributeID id) {
  return id == cudaLaunchAttributeAccessPolicyWindow ||
         id == cudaLaunchAttributeSynchronizationPolicy || id == cudaLaunchAttributePriority ||
         id == cudaLaunchAttributeMemSyncDomainMap || id == cudaLaunchAttributeMemSyncDomain ||
         id == cudaLaunchAttributeNvlinkUtilCentricScheduling;
}

template <typename Body>
cudaError_t with_stream(const char* name, cudaStream_t handle, bool is_per_thread, Body&& body) {
  return api::api_call(name, [&](Core&) {
    Stream* stream = engine::resolve_stream(handle, is_per_thread);
    if (stream == nullptr) {
      return cudaErrorInvalidResourceHandle;
    }
    const std::scoped_lock lock(state().mutex);
    return std::forward<Body>(body)(*stream, state().of_stream[stream->id]);
  });
}

cudaError_t get(cudaStream_t handle, cudaLaunchAttributeID id, cudaLaunchAttributeValue* value,
                bool is_per_thread) {
  return with_stream(
      "cudaStreamGetAttribute", handle, is_per_thread, [&](Stream& stream, Values& values) {
        if (value == nullptr || !is_stream_attribute(id)) {
          return cudaErrorInvalidValue;
        }
        *value = {};
        if (const auto found = values.find(id); found != values.end()) {
          *value = found->second;
        } else if (id == cudaLaunchAttributePriority) {
          value->priority = stream.priority;
        } else if (id == cudaLaunchAttributeSynchronizationPolicy) {
          value->syncPolicy = cudaSyncPolicyAuto;
        } else if (id == cudaLaunchAttributeMemSyncDomainMap) {
          value->memSyncDomainMap.remote = 1;  // the default maps each domain to its own number
        }
        return cudaSuccess;
      });
}

cudaError_t set(cudaStream_t handle, cudaLaunchAttributeID id,
                const cudaLaunchAttributeValue* value, bool is_per_thread) {
  return with_stream("cudaStreamSetAttribute", handle, is_per_thread,
                     [&](Stream& stream, Values& values) {
                       if (value == nullptr || !is_stream_attribute(id)) {
                         return cudaErrorInvalidValue;
                       }
                       values[id] = *value;
                       if (id == cudaLaunchAttributePriority) {
                         stream.priority = value->priority;
                       }
                       return cudaSuccess;
                     });
}

cudaError_t copy(cudaStream_t to, cudaStream_t from, bool is_per_thread) {
  Values values;
  const cudaError_t error =
      with_stream("cudaStreamCopyAttributes", from, is_per_thread, [&](Stream&, Values& source) {
        values = source;
        return cudaSuccess;
      });
  return error != cudaSuccess ? error
                              : with_stream("cudaStreamCopyAttributes", to, is_per_thread,
                                            [&](Stream&, Values& target) {
                                              target = std::move(values);
                                              return cudaSuccess;
                                            });
}

// Managed memory is visible to all streams at all times, which every attachment allows.
cudaError_t attach(cudaStream_t handle, void* pointer, unsigned flags, bool is_per_thread) {
  return with_stream("cudaStreamAttachMemAsync", handle, is_per_thread, [&](Stream&, Values&) {
    const auto allocation = engine::MemoryMap::find(pointer);
    const bool is_known =
        flags == cudaMemAttachGlobal || flags == cudaMemAttachHost || flags == cudaMemAttachSingle;
    return allocation && allocation->kind == memory::Kind::managed && is_known
               ? cudaSuccess
               : cudaErrorInvalidValue;
  });
}

}  // namespace

extern "C" {

cudaError_t cudaStreamGetAttribute(cudaStream_t stream, cudaLaunchAttributeID id,
                                   cudaLaunchAttributeValue* value) {
  return get(stream, id, value, false);
}
cudaError_t cudaStreamGetAttribute_ptsz(cudaStream_t stream, cudaLaunchAttributeID id,
                                        cudaLaunchAttributeValue* value) {
  return get(stream, id, value, true);
}
cudaError_t cudaStreamSetAttribute(cudaStream_t stream, cudaLaunchAttributeID id,
                                   const cudaLaunchAttributeValue* value) {
  return set(stream, id, value, false);
}
cudaError_t cudaStreamSetAttribute_ptsz(cudaStream_t stream, cudaLaunchAttributeID id,
                                        const cudaLaunchAttributeValue* value) {
  return set(stream, id, value, true);
}
cudaError_t cudaStreamCopyAttributes(cudaStream_t to, cudaStream_t from) {
  return copy(to, from, false);
}
cudaError_t cudaStreamCopyAttributes_ptsz(cudaStream_t to, cudaStream_t from) {
  return copy(to, from, true);
}
cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void* pointer, std::size_t /*bytes*/,
                                     unsigned flags) {
  return attach(stream, pointer, flags, false);
}
cudaError_t cudaStreamAttachMemAsync_ptsz(cudaStream_t stream, void* pointer, std::size_t /*bytes*/,
                                          unsigned flags) {
  return attach(stream, pointer, flags, true);
}

}  // extern "C"
