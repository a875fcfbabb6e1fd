// Driver: contexts and the stack of them that each thread has.

#include "emulator/api/cuda/context.hpp"

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/memory_map.hpp"

#include <cuda.h>

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using api::driver_query;
using engine::Core;

namespace {

struct Context {
  int device = 0;
  bool is_primary = false;
  unsigned flags = 0;
  unsigned long long id = 0;
  CUfunc_cache cache = CU_FUNC_CACHE_PREFER_NONE;
};

struct Contexts {
  std::mutex mutex;
  unsigned long long next_id = 1;
  std::map<int, Context*> primaries;
  std::map<int, int> retained;
  std::map<const Context*, std::unique_ptr<Context>> all;

  Context* add(Context context) {
    auto owned = std::make_unique<Context>(context);
    owned->id = next_id++;
    Context* const handle = owned.get();
    all.emplace(handle, std::move(owned));
    return handle;
  }
};

Contexts& contexts() {
  static auto* const instance = new Contexts;  // outlives main(), like the core
  return *instance;
}

// What lies below the current context, and the current one if cuCtxCreate made it. Which device is
// current is the runtime's own state: cudaSetDevice changes it too.
struct ThreadContexts {
  std::vector<CUcontext> below;
  Context* created = nullptr;
};
ThreadContexts& thread_contexts() {
  thread_local ThreadContexts state;
  return state;
}

CUcontext handle_of(const Context* context) {
  return reinterpret_cast<CUcontext>(const_cast<Context*>(context));
}

Context* find(CUcontext handle) {
  const std::scoped_lock lock(contexts().mutex);
  const auto found = contexts().all.find(reinterpret_cast<const Context*>(handle));
  return found == contexts().all.end() ? nullptr : found->second.get();
}

cudaError_t make_current(CUcontext handle) {
  engine::ThreadState& thread = engine::thread_state();
  if (handle == nullptr) {
    thread.has_context = false;
    thread_contexts().created = nullptr;
    return cudaSuccess;
  }
  Context* const context = find(handle);
  if (context == nullptr) {
    return cudaErrorDeviceUninitialized;
  }
  thread.device = context->device;
  thread.has_context = true;
  thread_contexts().created = context->is_primary ? nullptr : context;
  return cudaSuccess;
}

/// `body(context)` for a handle, or for the current context where the handle is nullptr.
template <typename Body>
CUresult with_context(const char* name, CUcontext handle, Body&& body) {
  return driver_query(name, [&](Core& core) {
    Context* const context = find(handle == nullptr ? api::current_context() : handle);
    return context == nullptr ? cudaErrorDeviceUninitialized
                              : std::forward<Body>(body)(core, *context);
  });
}

CUresult create(const char* name, CUcontext* context, unsigned flags, CUdevice device) {
  return driver_query(name, [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    if (context == nullptr) {
      return cudaErrorInvalidValue;
    }
    thread_contexts().below.push_back(api::current_context());
    {
      const std::scoped_lock lock(contexts().mutex);
      *context = handle_of(contexts().add({.device = device, .flags = flags}));
    }
    return make_current(*context);
  });
}

cudaError_t set_peer(Core& core, CUcontext peer, bool is_enabled) {
  engine::Device& device = engine::current_device();
  const int other = api::device_of(peer);
  if (!core.is_device(other) || other == device.ordinal) {
    return cudaErrorDeviceUninitialized;
  }
  const std::scoped_lock lock(device.mutex);
  if (is_enabled) {
    return device.enabled_peers.insert(other).second ? cudaSuccess
                                                     : cudaErrorPeerAccessAlreadyEnabled;
  }
  return device.enabled_peers.erase(other) != 0 ? cudaSuccess : cudaErrorPeerAccessNotEnabled;
}

}  // namespace

CUcontext api::primary_context(int device) {
  const std::scoped_lock lock(contexts().mutex);
  Context*& primary = contexts().primaries[device];
  if (primary == nullptr) {
    primary = contexts().add({.device = device, .is_primary = true});
  }
  return handle_of(primary);
}

CUcontext api::current_context() {
  const engine::ThreadState& thread = engine::thread_state();
  if (!thread.has_context) {
    return nullptr;
  }
  const Context* const created = thread_contexts().created;
  return created != nullptr && created->device == thread.device ? handle_of(created)
                                                                : primary_context(thread.device);
}

int api::device_of(CUcontext handle) {
  const Context* const context = find(handle);
  return context == nullptr ? -1 : context->device;
}

extern "C" {

CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  return driver_query("cuDevicePrimaryCtxRetain", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    *context = api::primary_context(device);
    const std::scoped_lock lock(contexts().mutex);
    ++contexts().retained[device];
    return cudaSuccess;
  });
}
CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  return driver_query("cuDevicePrimaryCtxRelease", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    const std::scoped_lock lock(contexts().mutex);
    int& count = contexts().retained[device];
    return count > 0 ? (--count, cudaSuccess) : cudaErrorDeviceUninitialized;
  });
}
CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags) {
  return driver_query("cuDevicePrimaryCtxSetFlags", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    core.device(device).flags = flags;
    return cudaSuccess;
  });
}
CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* is_active) {
  return driver_query("cuDevicePrimaryCtxGetState", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    const engine::ThreadState& thread = engine::thread_state();
    const std::scoped_lock lock(contexts().mutex);
    *flags = core.device(device).flags;
    *is_active = contexts().retained[device] > 0 || (thread.has_context && thread.device == device);
    return cudaSuccess;
  });
}
CUresult cuDevicePrimaryCtxReset(CUdevice device) {
  return driver_query("cuDevicePrimaryCtxReset", [&](Core& core) {
    if (!core.is_device(device)) {
      return cudaErrorInvalidDevice;
    }
    core.executor().drain(core.device(device));
    core.memory().free_all(core.device(device));
    core.executor().clear_fault(core.device(device));
    return cudaSuccess;
  });
}

// Before CUDA 12.5 with other parameters: what cuGetProcAddress gives to programs that ask for the
// older versions.
CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
  return create("cuCtxCreate", context, flags, device);
}
CUresult cuCtxCreate_v3(CUcontext* context, CUexecAffinityParam* affinity, int affinity_count,
                        unsigned flags, CUdevice device) {
  return affinity != nullptr && affinity_count != 0 ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY
                                                    : create("cuCtxCreate", context, flags, device);
}
CUresult cuCtxCreate_v4(CUcontext* context, CUctxCreateParams* parameters, unsigned flags,
                        CUdevice device) {
  return parameters != nullptr && parameters->numExecAffinityParams != 0
             ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY
             : create("cuCtxCreate", context, flags, device);
}
CUresult cuCtxDestroy(CUcontext handle) {
  return driver_query("cuCtxDestroy", [&](Core& core) {
    Context* const context = find(handle);
    if (context == nullptr || context->is_primary) {
      return cudaErrorDeviceUninitialized;
    }
    core.executor().drain(core.device(context->device));
    ThreadContexts& thread = thread_contexts();
    if (thread.created == context) {
      const CUcontext previous = thread.below.empty() ? nullptr : thread.below.back();
      if (!thread.below.empty()) {
        thread.below.pop_back();
      }
      (void)make_current(previous);
    }
    const std::scoped_lock lock(contexts().mutex);
    contexts().all.erase(context);
    return cudaSuccess;
  });
}
CUresult cuCtxGetCurrent(CUcontext* context) {
  return driver_query("cuCtxGetCurrent", [&](Core&) {
    *context = api::current_context();
    return cudaSuccess;
  });
}
CUresult cuCtxSetCurrent(CUcontext context) {
  return driver_query("cuCtxSetCurrent", [&](Core&) { return make_current(context); });
}
CUresult cuCtxPushCurrent(CUcontext context) {
  return driver_query("cuCtxPushCurrent", [&](Core&) {
    const CUcontext previous = api::current_context();
    const cudaError_t error =
        context == nullptr ? cudaErrorDeviceUninitialized : make_current(context);
    if (error == cudaSuccess) {
      thread_contexts().below.push_back(previous);
    }
    return error;
  });
}
CUresult cuCtxPopCurrent(CUcontext* context) {
  return driver_query("cuCtxPopCurrent", [&](Core&) {
    const CUcontext popped = api::current_context();
    if (popped == nullptr) {
      return cudaErrorDeviceUninitialized;
    }
    if (context != nullptr) {
      *context = popped;
    }
    std::vector<CUcontext>& below = thread_contexts().below;
    const CUcontext previous = below.empty() ? nullptr : below.back();
    if (!below.empty()) {
      below.pop_back();
    }
    return make_current(previous);
  });
}
CUresult cuCtxGetDevice(CUdevice* device) {
  return cuCtxGetDevice_v2(device, nullptr);
}
CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext handle) {
  return with_context("cuCtxGetDevice", handle, [&](Core&, const Context& context) {
    *device = context.device;
    return cudaSuccess;
  });
}
CUresult cuCtxGetApiVersion(CUcontext context, unsigned* version) {
  return with_context("cuCtxGetApiVersion", context, [&](Core&, const Context&) {
    *version = CUDA_VERSION;
    return cudaSuccess;
  });
}
CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return with_context("cuCtxGetId", handle, [&](Core&, const Context& context) {
    *id = context.id;
    return cudaSuccess;
  });
}
CUresult cuCtxGetFlags(unsigned* flags) {
  return with_context("cuCtxGetFlags", nullptr, [&](Core& core, const Context& context) {
    *flags = context.is_primary ? core.device(context.device).flags : context.flags;
    return cudaSuccess;
  });
}
CUresult cuCtxSetFlags(unsigned flags) {
  return with_context("cuCtxSetFlags", nullptr, [&](Core& core, Context& context) {
    (context.is_primary ? core.device(context.device).flags : context.flags) = flags;
    return cudaSuccess;
  });
}
CUresult cuCtxGetCacheConfig(CUfunc_cache* config) {
  return with_context("cuCtxGetCacheConfig", nullptr, [&](Core&, const Context& context) {
    *config = context.cache;
    return cudaSuccess;
  });
}
CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  return with_context("cuCtxSetCacheConfig", nullptr, [&](Core&, Context& context) {
    context.cache = config;
    return cudaSuccess;
  });
}
CUresult cuCtxSynchronize() {
  return cuCtxSynchronize_v2(nullptr);
}
CUresult cuCtxSynchronize_v2(CUcontext handle) {
  return with_context("cuCtxSynchronize", handle, [&](Core& core, const Context& context) {
    engine::Device& device = core.device(context.device);
    core.executor().drain(device);
    return sticky_error(device);
  });
}
CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  return driver_call("cuCtxEnablePeerAccess", [&](Core& core) {
    return flags == 0 ? set_peer(core, peer, true) : cudaErrorInvalidValue;
  });
}
CUresult cuCtxDisablePeerAccess(CUcontext peer) {
  return driver_call("cuCtxDisablePeerAccess",
                     [&](Core& core) { return set_peer(core, peer, false); });
}
CUresult cuCtxResetPersistingL2Cache() {
  return driver_call("cuCtxResetPersistingL2Cache", [](Core&) { return cudaSuccess; });
}

}  // extern "C"
