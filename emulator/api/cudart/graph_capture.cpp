// Stream capture.

#include "emulator/api/cudart/graph_call.hpp"
#include "emulator/engine/graph/capture.hpp"

#include <cuda_runtime_api.h>

namespace {

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using engine::graph::Edge;
using engine::graph::Graph;

template <typename Body>
cudaError_t with_stream(const char* name, cudaStream_t handle, bool is_per_thread, Body&& body) {
  return api::graph_call(name, [&](engine::Core&) {
    engine::Stream* stream = engine::resolve_stream(handle, is_per_thread);
    return stream == nullptr ? cudaErrorInvalidResourceHandle : std::forward<Body>(body)(*stream);
  });
}

cudaError_t begin(cudaStream_t handle, cudaStreamCaptureMode mode, bool is_per_thread) {
  return with_stream("cudaStreamBeginCapture", handle, is_per_thread, [&](engine::Stream& stream) {
    return engine::graph::begin_capture(stream, mode, nullptr, {});
  });
}

cudaError_t begin_to_graph(cudaStream_t handle, cudaGraph_t graph,
                           const cudaGraphNode_t* dependencies, const cudaGraphEdgeData* data,
                           std::size_t count, cudaStreamCaptureMode mode, bool is_per_thread) {
  return with_stream(
      "cudaStreamBeginCaptureToGraph", handle, is_per_thread, [&](engine::Stream& stream) {
        Graph* target = engine::graph::to_graph(graph);
        std::vector<Edge> edges;
        if (target == nullptr || api::read_edges(dependencies, data, count, edges) != cudaSuccess) {
          return cudaErrorInvalidValue;
        }
        for (const Edge& edge : edges) {
          if (edge.node->graph != target) {
            return cudaErrorInvalidValue;
          }
        }
        // The program, or the node that it is part of, keeps the graph while the capture lasts.
        std::shared_ptr<Graph> shared = engine::graph::owned_by_program(target);
        if (shared == nullptr) {
          shared = std::shared_ptr<Graph>(std::shared_ptr<Graph>(), target);
        }
        return engine::graph::begin_capture(stream, mode, std::move(shared), edges);
      });
}

cudaError_t end(cudaStream_t handle, cudaGraph_t* graph, bool is_per_thread) {
  return with_stream("cudaStreamEndCapture", handle, is_per_thread, [&](engine::Stream& stream) {
    std::shared_ptr<Graph> captured;
    const cudaError_t error = engine::graph::end_capture(stream, captured);
    cudaGraph_t answer = nullptr;
    if (captured != nullptr) {
      const bool is_new = engine::graph::owned_by_program(captured.get()) == nullptr &&
                          !captured->is_part_of_another();
      answer = is_new ? engine::graph::give_to_program(std::move(captured))
                      : engine::graph::handle_of(captured.get());
    }
    if (graph != nullptr) {
      *graph = answer;
    }
    return error;
  });
}

cudaError_t is_capturing(cudaStream_t handle, cudaStreamCaptureStatus* status, bool is_per_thread) {
  return with_stream("cudaStreamIsCapturing", handle, is_per_thread, [&](engine::Stream& stream) {
    return status == nullptr ? cudaErrorInvalidValue
                             : engine::graph::capture_status(stream, *status);
  });
}

cudaError_t info(cudaStream_t handle, cudaStreamCaptureStatus* status, unsigned long long* id,
                 cudaGraph_t* graph, const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges,
                 std::size_t* count, bool is_per_thread) {
  return with_stream(
      "cudaStreamGetCaptureInfo", handle, is_per_thread, [&](engine::Stream& stream) {
        unsigned long long unused_id = 0;
        cudaGraph_t unused_graph = nullptr;
        std::size_t unused_count = 0;
        return status == nullptr
                   ? cudaErrorInvalidValue
                   : engine::graph::capture_info(stream, *status, id != nullptr ? *id : unused_id,
                                                 graph != nullptr ? *graph : unused_graph, nodes,
                                                 edges, count != nullptr ? *count : unused_count);
      });
}

cudaError_t update(cudaStream_t handle, const cudaGraphNode_t* nodes, const cudaGraphEdgeData* data,
                   std::size_t count, unsigned flags, bool is_per_thread) {
  return with_stream("cudaStreamUpdateCaptureDependencies", handle, is_per_thread,
                     [&](engine::Stream& stream) {
                       std::vector<Edge> edges;
                       if (flags > cudaStreamSetCaptureDependencies ||
                           api::read_edges(nodes, data, count, edges) != cudaSuccess) {
                         return cudaErrorInvalidValue;
                       }
                       return engine::graph::update_dependencies(
                           stream, edges, flags == cudaStreamSetCaptureDependencies);
                     });
}

}  // namespace

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return begin(stream, mode, false);
}
cudaError_t cudaStreamBeginCapture_ptsz(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return begin(stream, mode, true);
}
cudaError_t cudaStreamBeginCaptureToGraph(cudaStream_t stream, cudaGraph_t graph,
                                          const cudaGraphNode_t* dependencies,
                                          const cudaGraphEdgeData* data, std::size_t count,
                                          cudaStreamCaptureMode mode) {
  return begin_to_graph(stream, graph, dependencies, data, count, mode, false);
}
cudaError_t cudaStreamBeginCaptureToGraph_ptsz(cudaStream_t stream, cudaGraph_t graph,
                                               const cudaGraphNode_t* dependencies,
                                               const cudaGraphEdgeData* data, std::size_t count,
                                               cudaStreamCaptureMode mode) {
  return begin_to_graph(stream, graph, dependencies, data, count, mode, true);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return end(stream, graph, false);
}
cudaError_t cudaStreamEndCapture_ptsz(cudaStream_t stream, cudaGraph_t* graph) {
  return end(stream, graph, true);
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return is_capturing(stream, status, false);
}
cudaError_t cudaStreamIsCapturing_ptsz(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return is_capturing(stream, status, true);
}
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                     unsigned long long* id, cudaGraph_t* graph,
                                     const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges,
                                     std::size_t* count) {
  return info(stream, status, id, graph, nodes, edges, count, false);
}
cudaError_t cudaStreamGetCaptureInfo_ptsz(cudaStream_t stream, cudaStreamCaptureStatus* status,
                                          unsigned long long* id, cudaGraph_t* graph,
                                          const cudaGraphNode_t** nodes,
                                          const cudaGraphEdgeData** edges, std::size_t* count) {
  return info(stream, status, id, graph, nodes, edges, count, true);
}
cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                const cudaGraphEdgeData* data, std::size_t count,
                                                unsigned flags) {
  return update(stream, nodes, data, count, flags, false);
}
cudaError_t cudaStreamUpdateCaptureDependencies_ptsz(cudaStream_t stream, cudaGraphNode_t* nodes,
                                                     const cudaGraphEdgeData* data,
                                                     std::size_t count, unsigned flags) {
  return update(stream, nodes, data, count, flags, true);
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return api::query_call("cudaThreadExchangeStreamCaptureMode", [&](engine::Core&) {
    if (mode == nullptr || *mode > cudaStreamCaptureModeRelaxed) {
      return cudaErrorInvalidValue;
    }
    engine::graph::exchange_mode(*mode);
    return cudaSuccess;
  });
}

}  // extern "C"
