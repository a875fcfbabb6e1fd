// Events.

#include "emulator/api/common/api_call.hpp"
#include "emulator/api/common/host_wait.hpp"
#include "emulator/engine/events.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::api_call;
using engine::Core;

cudaError_t record(const char* name, cudaEvent_t event, cudaStream_t handle, unsigned flags,
                   bool is_per_thread) {
  return api_call(name, [&](Core&) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    return stream == nullptr ? cudaErrorInvalidResourceHandle
                             : engine::record_event(event, *stream, flags);
  });
}

}  // namespace

extern "C" {

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return api_call("cudaEventCreateWithFlags", [&](Core&) {
    return engine::create_event(engine::current_device(), flags, event);
  });
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api::query_call("cudaEventDestroy", [&](Core&) { return engine::destroy_event(event); });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return record("cudaEventRecord", event, stream, cudaEventRecordDefault, false);
}
cudaError_t cudaEventRecord_ptsz(cudaEvent_t event, cudaStream_t stream) {
  return record("cudaEventRecord", event, stream, cudaEventRecordDefault, true);
}
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return record("cudaEventRecordWithFlags", event, stream, flags, false);
}
cudaError_t cudaEventRecordWithFlags_ptsz(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  return record("cudaEventRecordWithFlags", event, stream, flags, true);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  return api_call("cudaEventQuery", [&](Core&) { return engine::query_event(event); });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return api_call("cudaEventSynchronize", [&](Core&) {
    const cudaError_t error = engine::synchronize_event(event);
    api::finish_wait(engine::current_device());
    return error;
  });
}
cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t* handle, cudaEvent_t event) {
  return api_call("cudaIpcGetEventHandle",
                  [&](Core&) { return engine::export_event(event, handle); });
}
cudaError_t cudaIpcOpenEventHandle(cudaEvent_t* event, cudaIpcEventHandle_t handle) {
  return api_call("cudaIpcOpenEventHandle", [&](Core&) {
    return engine::import_event(engine::current_device(), handle, event);
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  return api_call("cudaEventElapsedTime",
                  [&](Core&) { return engine::elapsed_ms(milliseconds, start, stop); });
}

}  // extern "C"
