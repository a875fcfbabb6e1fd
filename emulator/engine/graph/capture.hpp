#pragma once
/// Stream capture: work that streams are asked to do becomes nodes of a graph instead (CUDA
/// programming guide, "Creating a Graph Using Stream Capture").

#include "emulator/engine/graph/graph.hpp"
#include "emulator/engine/stream.hpp"

#include <cuda_runtime_api.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace rackproof::emulator::engine::graph {

struct CaptureSession;

/// What an event recorded in a capturing stream stands for.
struct CapturedPoint {
  std::shared_ptr<CaptureSession> session;
  std::vector<Edge> nodes;
};

/// Some stream of the process captures: one load, for the paths of every call.
[[nodiscard]] bool is_any_capturing();
[[nodiscard]] bool is_capturing(const Stream& stream);
std::optional<cudaError_t> capture_slow(Stream& stream, const std::function<NodeWork()>& make);

/// If `stream` captures: the node is added behind what the stream holds; its result. nullopt: the
/// stream does not capture, and the call goes on. Also refuses what the legacy stream must not do.
template <typename Make>
std::optional<cudaError_t> capture(Stream& stream, Make&& make) {
  return is_any_capturing() ? capture_slow(stream, std::function<NodeWork()>(make)) : std::nullopt;
}
/// cudaMallocAsync and cudaFreeAsync in a capturing stream.
cudaError_t capture_allocation(Stream& stream, const cudaMemAllocNodeParams& parameters,
                               void** address);
cudaError_t capture_free(Stream& stream, const void* address);

/// For calls that wait for a stream, or that no graph can hold: the capture is invalid then.
cudaError_t refuse_wait(Stream& stream);
/// For work in the legacy stream while a blocking stream of its device captures.
cudaError_t refuse_implicit(Stream& stream);
/// For calls that may depend on other streams behind the program's back (cudaMalloc), by the rules
/// of cudaThreadExchangeStreamCaptureMode.
cudaError_t refuse_unsafe();
/// Waiting for a whole device.
cudaError_t refuse_device_wait(const DeviceQueue& device);
/// Queries and waits of events that were recorded in a capture.
cudaError_t refuse_captured_event(const CapturedPoint& point);

/// Record and wait; nullopt: no capture is involved. A record with `is_external` is a node.
std::optional<cudaError_t> capture_record(Stream& stream, cudaEvent_t event, bool is_external,
                                          std::shared_ptr<CapturedPoint>& point);
/// `is_recorded`: by a record outside of captures. `point`: by one inside, or nullptr.
std::optional<cudaError_t> capture_wait(Stream& stream, cudaEvent_t event, bool is_external,
                                        bool is_recorded, const CapturedPoint* point);

/// `graph` nullptr: a new one.
cudaError_t begin_capture(Stream& stream, cudaStreamCaptureMode mode, std::shared_ptr<Graph> graph,
                          std::span<const Edge> dependencies);
/// The graph is nullptr where an error is answered.
cudaError_t end_capture(Stream& stream, std::shared_ptr<Graph>& graph);
cudaError_t capture_status(Stream& stream, cudaStreamCaptureStatus& status);
/// Arrays stay good until the next call on the stream.
cudaError_t capture_info(Stream& stream, cudaStreamCaptureStatus& status, unsigned long long& id,
                         cudaGraph_t& graph, const cudaGraphNode_t** nodes,
                         const cudaGraphEdgeData** edges, std::size_t& count);
cudaError_t update_dependencies(Stream& stream, std::span<const Edge> dependencies, bool replaces);
/// The stream is being destroyed.
void leave_capture(Stream& stream);
/// The calling thread's mode; exchanges it.
void exchange_mode(cudaStreamCaptureMode& mode);

}  // namespace rackproof::emulator::engine::graph
