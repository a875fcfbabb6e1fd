#pragma once
/// CUDA events: points in streams, with virtual times.

#include "emulator/engine/operation.hpp"
#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::emulator::engine {

struct Device;

/// All functions answer CUDA's error codes; unknown handles are cudaErrorInvalidResourceHandle.
cudaError_t create_event(Device& device, unsigned flags, cudaEvent_t* event);
cudaError_t destroy_event(cudaEvent_t event);
/// The event and the stream must belong to the same device. In a capturing stream the event stands
/// for the stream's nodes, or (cudaEventRecordExternal) the record is a node.
cudaError_t record_event(cudaEvent_t event, Stream& stream, unsigned flags = 0);
/// cudaErrorNotReady until the recorded point is reached; success if never recorded.
cudaError_t query_event(cudaEvent_t event);
cudaError_t synchronize_event(cudaEvent_t event);
/// Later work of `stream` waits for the event's latest record (of any device); in a capture it
/// depends on the nodes that the event stands for.
cudaError_t wait_event(Stream& stream, cudaEvent_t event, unsigned flags = 0);
/// The event must have been created with cudaEventInterprocess.
cudaError_t export_event(cudaEvent_t event, cudaIpcEventHandle_t* handle);
cudaError_t import_event(Device& device, const cudaIpcEventHandle_t& handle, cudaEvent_t* event);
[[nodiscard]] bool is_event(cudaEvent_t event);
/// The latest record, and its replacement by one that a graph will make.
[[nodiscard]] TicketPtr event_ticket(cudaEvent_t event);
void set_event_ticket(cudaEvent_t event, TicketPtr ticket);
/// An event without timing and of this process: one that a launch may record (CUDA runtime API,
/// cudaLaunchAttributeProgrammaticEvent).
[[nodiscard]] bool may_fire_within_launch(cudaEvent_t event);
/// Difference of the virtual times, rounded once, to fp32 milliseconds.
cudaError_t elapsed_ms(float* milliseconds, cudaEvent_t start, cudaEvent_t stop);

}  // namespace rackproof::emulator::engine
