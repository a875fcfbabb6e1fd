// Streams and host functions.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/common/host_wait.hpp"
#include "emulator/engine/events.hpp"
#include "emulator/engine/graph/capture.hpp"
#include "emulator/engine/transfer.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;
using engine::Stream;

// -5 is the greatest priority that cudaDeviceGetStreamPriorityRange names; others are clamped.
constexpr int kGreatestPriority = -5;

cudaError_t create(const char* name, cudaStream_t* stream, unsigned flags, int priority) {
  return api_call(name, [&](Core& core) {
    if (stream == nullptr || (flags & ~static_cast<unsigned>(cudaStreamNonBlocking)) != 0) {
      return cudaErrorInvalidValue;
    }
    const auto kind =
        (flags & cudaStreamNonBlocking) != 0 ? Stream::Kind::non_blocking : Stream::Kind::blocking;
    *stream = reinterpret_cast<cudaStream_t>(core.executor().create_stream(
        engine::current_device(), kind, flags, std::clamp(priority, kGreatestPriority, 0)));
    return cudaSuccess;
  });
}

template <typename Body>
cudaError_t with_stream(const char* name, cudaStream_t handle, bool is_per_thread, Body&& body) {
  return api_call(name, [&](Core& core) {
    Stream* stream = engine::resolve_stream(handle, is_per_thread);
    return stream == nullptr ? cudaErrorInvalidResourceHandle
                             : std::forward<Body>(body)(core, *stream);
  });
}

cudaError_t synchronize(cudaStream_t handle, bool is_per_thread) {
  return with_stream(
      "cudaStreamSynchronize", handle, is_per_thread, [](Core& core, Stream& stream) {
        if (const cudaError_t error = engine::graph::refuse_wait(stream); error != cudaSuccess) {
          return error;
        }
        core.executor().wait(core.executor().last(stream));
        api::finish_wait(*stream.device);
        return sticky_error(*stream.device);
      });
}

cudaError_t query(cudaStream_t handle, bool is_per_thread) {
  return with_stream("cudaStreamQuery", handle, is_per_thread, [](Core& core, Stream& stream) {
    if (const cudaError_t error = engine::graph::refuse_wait(stream); error != cudaSuccess) {
      return error;
    }
    return core.executor().is_done(core.executor().last(stream)) ? sticky_error(*stream.device)
                                                                 : cudaErrorNotReady;
  });
}

cudaError_t wait_event(cudaStream_t handle, cudaEvent_t event, unsigned flags, bool is_per_thread) {
  return with_stream("cudaStreamWaitEvent", handle, is_per_thread, [&](Core&, Stream& stream) {
    return engine::wait_event(stream, event, flags);
  });
}

cudaError_t launch_host(cudaStream_t handle, cudaHostFn_t function, void* data,
                        bool is_per_thread) {
  return with_stream("cudaLaunchHostFunc", handle, is_per_thread, [&](Core&, Stream& stream) {
    if (function == nullptr) {
      return cudaErrorInvalidValue;
    }
    return engine::enqueue_host_function(stream, function, data);
  });
}

struct Callback {
  cudaStream_t stream;
  cudaStreamCallback_t function;
  void* data;
  const engine::DeviceQueue* device;
};

cudaError_t add_callback(cudaStream_t handle, cudaStreamCallback_t function, void* data,
                         bool is_per_thread) {
  return with_stream("cudaStreamAddCallback", handle, is_per_thread, [&](Core&, Stream& stream) {
    if (function == nullptr) {
      return cudaErrorInvalidValue;
    }
    // No graph can hold a callback.
    if (engine::graph::is_capturing(stream)) {
      return engine::graph::refuse_wait(stream);
    }
    return engine::enqueue_host_function(
        stream,
        [](void* opaque) {
          const std::unique_ptr<Callback> callback(static_cast<Callback*>(opaque));
          engine::flush_printf(Core::instance().device(callback->device->ordinal));
          callback->function(callback->stream, sticky_error(*callback->device), callback->data);
        },
        new Callback{handle, function, data, stream.device});
  });
}

cudaError_t get_flags(cudaStream_t handle, unsigned* flags, bool is_per_thread) {
  return with_stream("cudaStreamGetFlags", handle, is_per_thread, [&](Core&, Stream& stream) {
    *flags = stream.flags;
    return cudaSuccess;
  });
}
cudaError_t get_priority(cudaStream_t handle, int* priority, bool is_per_thread) {
  return with_stream("cudaStreamGetPriority", handle, is_per_thread, [&](Core&, Stream& stream) {
    *priority = stream.priority;
    return cudaSuccess;
  });
}
cudaError_t get_id(cudaStream_t handle, unsigned long long* id, bool is_per_thread) {
  return with_stream("cudaStreamGetId", handle, is_per_thread, [&](Core&, Stream& stream) {
    *id = stream.id;
    return cudaSuccess;
  });
}
cudaError_t get_device(cudaStream_t handle, int* device, bool is_per_thread) {
  return with_stream("cudaStreamGetDevice", handle, is_per_thread, [&](Core&, Stream& stream) {
    *device = stream.device->ordinal;
    return cudaSuccess;
  });
}
}  // namespace

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return create("cudaStreamCreate", stream, cudaStreamDefault, 0);
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return create("cudaStreamCreateWithFlags", stream, flags, 0);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority) {
  return create("cudaStreamCreateWithPriority", stream, flags, priority);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return api::query_call("cudaStreamDestroy", [&](Core& core) {
    const bool is_special =
        stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread;
    if (!is_special && core.executor().is_stream(reinterpret_cast<Stream*>(stream))) {
      engine::graph::leave_capture(*reinterpret_cast<Stream*>(stream));
    }
    return !is_special && core.executor().destroy_stream(reinterpret_cast<Stream*>(stream))
               ? cudaSuccess
               : cudaErrorInvalidResourceHandle;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return synchronize(stream, false);
}
cudaError_t cudaStreamSynchronize_ptsz(cudaStream_t stream) {
  return synchronize(stream, true);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return query(stream, false);
}
cudaError_t cudaStreamQuery_ptsz(cudaStream_t stream) {
  return query(stream, true);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return wait_event(stream, event, flags, false);
}
cudaError_t cudaStreamWaitEvent_ptsz(cudaStream_t stream, cudaEvent_t event, unsigned flags) {
  return wait_event(stream, event, flags, true);
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return launch_host(stream, function, data, false);
}
cudaError_t cudaLaunchHostFunc_ptsz(cudaStream_t stream, cudaHostFn_t function, void* data) {
  return launch_host(stream, function, data, true);
}
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t function, void* data,
                                  unsigned /*flags*/) {
  return add_callback(stream, function, data, false);
}
cudaError_t cudaStreamAddCallback_ptsz(cudaStream_t stream, cudaStreamCallback_t function,
                                       void* data, unsigned /*flags*/) {
  return add_callback(stream, function, data, true);
}

cudaError_t cudaStreamGetFlags(cudaStream_t stream, unsigned* flags) {
  return get_flags(stream, flags, false);
}
cudaError_t cudaStreamGetFlags_ptsz(cudaStream_t stream, unsigned* flags) {
  return get_flags(stream, flags, true);
}
cudaError_t cudaStreamGetPriority(cudaStream_t stream, int* priority) {
  return get_priority(stream, priority, false);
}
cudaError_t cudaStreamGetPriority_ptsz(cudaStream_t stream, int* priority) {
  return get_priority(stream, priority, true);
}
cudaError_t cudaStreamGetId(cudaStream_t stream, unsigned long long* id) {
  return get_id(stream, id, false);
}
cudaError_t cudaStreamGetId_ptsz(cudaStream_t stream, unsigned long long* id) {
  return get_id(stream, id, true);
}
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  return get_device(stream, device, false);
}
cudaError_t cudaStreamGetDevice_ptsz(cudaStream_t stream, int* device) {
  return get_device(stream, device, true);
}

}  // extern "C"
