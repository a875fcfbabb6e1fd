// Driver: streams and events.

#include "emulator/api/cuda/driver_call.hpp"
#include "emulator/engine/events.hpp"

#include <cuda.h>

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::driver_call;
using engine::Core;
using engine::Stream;

namespace {

template <typename Body>
CUresult with_stream(const char* name, CUstream handle, Body&& body) {
  return driver_call(name, [&](Core& core) {
    Stream* stream = engine::resolve_stream(handle);
    return stream == nullptr ? cudaErrorInvalidResourceHandle
                             : std::forward<Body>(body)(core, *stream);
  });
}

}  // namespace

extern "C" {

CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
  return driver_call("cuStreamCreateWithPriority", [&](Core& core) {
    if ((flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) != 0) {
      return cudaErrorInvalidValue;
    }
    const auto kind =
        flags == CU_STREAM_NON_BLOCKING ? Stream::Kind::non_blocking : Stream::Kind::blocking;
    *stream = reinterpret_cast<CUstream>(
        core.executor().create_stream(engine::current_device(), kind, flags, priority));
    return cudaSuccess;
  });
}
CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}
CUresult cuStreamDestroy(CUstream stream) {
  return driver_call("cuStreamDestroy", [&](Core& core) {
    const bool is_special =
        stream == nullptr || stream == CU_STREAM_LEGACY || stream == CU_STREAM_PER_THREAD;
    return !is_special && core.executor().destroy_stream(reinterpret_cast<Stream*>(stream))
               ? cudaSuccess
               : cudaErrorInvalidResourceHandle;
  });
}
CUresult cuStreamSynchronize(CUstream stream) {
  return with_stream("cuStreamSynchronize", stream, [](Core& core, Stream& target) {
    core.executor().wait(core.executor().last(target));
    return sticky_error(*target.device);
  });
}
CUresult cuStreamQuery(CUstream stream) {
  return with_stream("cuStreamQuery", stream, [](Core& core, Stream& target) {
    return core.executor().is_done(core.executor().last(target)) ? sticky_error(*target.device)
                                                                 : cudaErrorNotReady;
  });
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned /*flags*/) {
  return with_stream("cuStreamWaitEvent", stream,
                     [&](Core&, Stream& target) { return engine::wait_event(target, event); });
}
CUresult cuStreamGetFlags(CUstream stream, unsigned* flags) {
  return with_stream("cuStreamGetFlags", stream, [&](Core&, Stream& target) {
    *flags = target.flags;
    return cudaSuccess;
  });
}
CUresult cuStreamGetPriority(CUstream stream, int* priority) {
  return with_stream("cuStreamGetPriority", stream, [&](Core&, Stream& target) {
    *priority = target.priority;
    return cudaSuccess;
  });
}
CUresult cuEventCreate(CUevent* event, unsigned flags) {
  return driver_call("cuEventCreate", [&](Core&) {
    return engine::create_event(engine::current_device(), flags, event);
  });
}
CUresult cuEventDestroy(CUevent event) {
  return driver_call("cuEventDestroy", [&](Core&) { return engine::destroy_event(event); });
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
  return with_stream("cuEventRecord", stream,
                     [&](Core&, Stream& target) { return engine::record_event(event, target); });
}
CUresult cuEventQuery(CUevent event) {
  return driver_call("cuEventQuery", [&](Core&) { return engine::query_event(event); });
}
CUresult cuEventSynchronize(CUevent event) {
  return driver_call("cuEventSynchronize", [&](Core&) { return engine::synchronize_event(event); });
}
CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent stop) {
  return driver_call("cuEventElapsedTime",
                     [&](Core&) { return engine::elapsed_ms(milliseconds, start, stop); });
}

}  // extern "C"
