#include "emulator/engine/graph/capture.hpp"

#include "emulator/engine/core.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <map>
#include <set>
#include <thread>
#include <unordered_set>

namespace rackproof::emulator::engine::graph {

struct CaptureSession {
  std::uint64_t id = 0;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  const Stream* origin = nullptr;
  std::thread::id thread;
  std::shared_ptr<Graph> graph;
  bool is_invalid = false;
  bool has_ended = false;
  std::vector<Edge> left;  // tips of forked streams that were destroyed meanwhile
};

namespace {

struct Participant {
  std::shared_ptr<CaptureSession> session;
  std::vector<Edge> tips;       // what the stream's next node depends on
  std::set<const Node*> given;  // tips that the program set itself: not the stream's own work
  std::vector<cudaGraphNode_t> shown_nodes;
  std::vector<cudaGraphEdgeData> shown_edges;
};

// Guarded by graphs_mutex(), apart from the count.
struct State {
  std::atomic<int> open_sessions{0};
  std::uint64_t next_id = 1;
  std::map<const Stream*, Participant> participants;
  std::set<std::shared_ptr<CaptureSession>> sessions;
};

State& state() {
  static State* const instance = new State;  // leaked: see Core
  return *instance;
}

// The work that a forked stream has captured itself has to join the stream where it began.
void append_own_tips(const Participant& participant, std::vector<Edge>& tips) {
  std::copy_if(participant.tips.begin(), participant.tips.end(), std::back_inserter(tips),
               [&](const Edge& tip) { return !participant.given.contains(tip.node); });
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

Participant* find(const Stream& stream) {
  const auto found = state().participants.find(&stream);
  return found == state().participants.end() ? nullptr : &found->second;
}

cudaError_t fail(CaptureSession& session, cudaError_t error) {
  session.is_invalid = true;
  return error;
}

bool contains(const std::vector<Edge>& edges, const Node* node) {
  return std::any_of(edges.begin(), edges.end(),
                     [&](const Edge& edge) { return edge.node == node; });
}

void merge(std::vector<Edge>& into, std::span<const Edge> more) {
  for (const Edge& edge : more) {
    if (!contains(into, edge.node)) {
      into.push_back(edge);
    }
  }
}

// Adds a node behind the stream's tips and makes it the only tip.
cudaError_t append(Participant& participant, NodeWork work) {
  Node* node = nullptr;
  if (const auto* kernel = std::get_if<KernelNode>(&work);
      kernel != nullptr && kernel->prepared.is_programmatic) {
    for (Edge& tip : participant.tips) {
      if (std::holds_alternative<KernelNode>(tip.node->work)) {
        tip.data = kProgrammaticEdge;
      }
    }
  }
  const cudaError_t error =
      participant.session->graph->add(std::move(work), participant.tips, &node);
  if (error != cudaSuccess) {
    return fail(*participant.session, error);
  }
  participant.tips = {{node, {}}};
  return cudaSuccess;
}

std::unordered_set<const Node*> ancestors(const std::vector<Edge>& tips) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> open;
  for (const Edge& tip : tips) {
    open.push_back(tip.node);
  }
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (seen.insert(node).second) {
      for (const Edge& edge : node->dependencies) {
        open.push_back(edge.node);
      }
    }
  }
  return seen;
}

cudaError_t close(const std::shared_ptr<CaptureSession>& session, cudaError_t error) {
  std::erase_if(state().participants,
                [&](const auto& entry) { return entry.second.session == session; });
  session->has_ended = true;
  session->graph.reset();  // captured events outlive the capture, the graph's users do not wait
  state().sessions.erase(session);
  state().open_sessions.fetch_sub(1);
  return error;
}

}  // namespace

bool is_any_capturing() {
  return state().open_sessions.load(std::memory_order_relaxed) != 0;
}

bool is_capturing(const Stream& stream) {
  if (!is_any_capturing()) {
    return false;
  }
  const std::scoped_lock lock(graphs_mutex());
  return find(stream) != nullptr;
}

std::optional<cudaError_t> capture_slow(Stream& stream, const std::function<NodeWork()>& make) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant == nullptr) {
    const cudaError_t error = refuse_implicit(stream);
    return error == cudaSuccess ? std::nullopt : std::optional(error);
  }
  return participant->session->is_invalid ? cudaErrorStreamCaptureInvalidated
                                          : append(*participant, make());
}

cudaError_t capture_allocation(Stream& stream, const cudaMemAllocNodeParams& parameters,
                               void** address) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  AllocNode node{nullptr, parameters};
  const int device = parameters.poolProps.location.id;
  if (const cudaError_t error =
          reserve(Core::instance().device(device), parameters.bytesize, node.allocation);
      error != cudaSuccess) {
    return error;
  }
  *address = node.parameters.dptr = node.allocation->address;
  return append(*participant, std::move(node));
}

cudaError_t capture_free(Stream& stream, const void* address) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  auto allocation = find_allocation(address);
  if (allocation == nullptr || participant->session->graph->frees(*allocation)) {
    return cudaErrorInvalidValue;
  }
  return append(*participant, FreeNode{std::move(allocation)});
}

cudaError_t refuse_wait(Stream& stream) {
  if (!is_any_capturing()) {
    return cudaSuccess;
  }
  const std::scoped_lock lock(graphs_mutex());
  if (Participant* participant = find(stream)) {
    return participant->session->is_invalid
               ? cudaErrorStreamCaptureInvalidated
               : fail(*participant->session, cudaErrorStreamCaptureUnsupported);
  }
  if (const cudaError_t error = refuse_implicit(stream); error != cudaSuccess) {
    return error;
  }
  return refuse_unsafe();
}

cudaError_t refuse_implicit(Stream& stream) {
  if (!is_any_capturing() || stream.kind != Stream::Kind::legacy) {
    return cudaSuccess;
  }
  const std::scoped_lock lock(graphs_mutex());
  cudaError_t error = cudaSuccess;
  for (auto& [other, participant] : state().participants) {
    if (other->kind == Stream::Kind::blocking && other->device == stream.device) {
      error = fail(*participant.session, cudaErrorStreamCaptureImplicit);
    }
  }
  return error;
}

cudaError_t refuse_unsafe() {
  if (!is_any_capturing() || thread_mode == cudaStreamCaptureModeRelaxed) {
    return cudaSuccess;
  }
  const std::scoped_lock lock(graphs_mutex());
  cudaError_t error = cudaSuccess;
  for (const auto& session : state().sessions) {
    const bool is_mine = session->thread == std::this_thread::get_id() &&
                         session->mode != cudaStreamCaptureModeRelaxed;
    const bool is_global =
        thread_mode == cudaStreamCaptureModeGlobal && session->mode == cudaStreamCaptureModeGlobal;
    if (is_mine || is_global) {
      error = fail(*session, cudaErrorStreamCaptureUnsupported);
    }
  }
  return error;
}

cudaError_t refuse_device_wait(const DeviceQueue& device) {
  if (!is_any_capturing()) {
    return cudaSuccess;
  }
  const std::scoped_lock lock(graphs_mutex());
  cudaError_t error = cudaSuccess;
  for (auto& [stream, participant] : state().participants) {
    if (stream->device == &device) {
      error = fail(*participant.session, cudaErrorStreamCaptureUnsupported);
    }
  }
  return error;
}

cudaError_t refuse_captured_event(const CapturedPoint& point) {
  const std::scoped_lock lock(graphs_mutex());
  return point.session->has_ended ? cudaErrorCapturedEvent
                                  : fail(*point.session, cudaErrorCapturedEvent);
}

std::optional<cudaError_t> capture_record(Stream& stream, cudaEvent_t event, bool is_external,
                                          std::shared_ptr<CapturedPoint>& point) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant == nullptr) {
    const cudaError_t error = is_external ? cudaErrorInvalidValue : refuse_implicit(stream);
    return error == cudaSuccess ? std::nullopt : std::optional(error);
  }
  if (participant->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  if (is_external) {
    return append(*participant, EventRecordNode{event});
  }
  point = std::make_shared<CapturedPoint>(CapturedPoint{participant->session, participant->tips});
  return cudaSuccess;
}

std::optional<cudaError_t> capture_wait(Stream& stream, cudaEvent_t event, bool is_external,
                                        bool is_recorded, const CapturedPoint* point) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant != nullptr && participant->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  if (is_external) {
    return participant == nullptr ? cudaErrorInvalidValue
                                  : append(*participant, EventWaitNode{event});
  }
  if (point == nullptr) {
    if (participant == nullptr) {
      const cudaError_t error = refuse_implicit(stream);
      return error == cudaSuccess ? std::nullopt : std::optional(error);
    }
    // Nothing to wait for is no dependency; anything else lies outside of the graph.
    return is_recorded ? fail(*participant->session, cudaErrorStreamCaptureIsolation) : cudaSuccess;
  }
  if (point->session->has_ended) {
    return participant == nullptr ? cudaErrorCapturedEvent
                                  : fail(*participant->session, cudaErrorStreamCaptureIsolation);
  }
  if (point->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  if (participant == nullptr) {
    if (stream.kind == Stream::Kind::legacy) {
      return fail(*point->session, cudaErrorStreamCaptureImplicit);
    }
    state().participants[&stream] = {point->session, point->nodes, {}, {}, {}};
    return cudaSuccess;
  }
  if (participant->session != point->session) {
    fail(*participant->session, cudaErrorStreamCaptureMerge);
    return fail(*point->session, cudaErrorStreamCaptureMerge);
  }
  merge(participant->tips, point->nodes);
  return cudaSuccess;
}

cudaError_t begin_capture(Stream& stream, cudaStreamCaptureMode mode, std::shared_ptr<Graph> graph,
                          std::span<const Edge> dependencies) {
  const std::scoped_lock lock(graphs_mutex());
  if (mode < cudaStreamCaptureModeGlobal || mode > cudaStreamCaptureModeRelaxed) {
    return cudaErrorInvalidValue;
  }
  if (stream.kind == Stream::Kind::legacy) {
    return cudaErrorStreamCaptureUnsupported;
  }
  if (find(stream) != nullptr) {
    return cudaErrorIllegalState;
  }
  auto session = std::make_shared<CaptureSession>();
  session->id = state().next_id++;
  session->mode = mode;
  session->origin = &stream;
  session->thread = std::this_thread::get_id();
  session->graph = graph != nullptr ? std::move(graph) : std::make_shared<Graph>();
  state().participants[&stream] = {
      session, std::vector<Edge>(dependencies.begin(), dependencies.end()), {}, {}, {}};
  state().sessions.insert(session);
  state().open_sessions.fetch_add(1);
  return cudaSuccess;
}

cudaError_t end_capture(Stream& stream, std::shared_ptr<Graph>& graph) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant == nullptr) {
    return cudaErrorIllegalState;
  }
  const std::shared_ptr<CaptureSession> session = participant->session;
  if (session->origin != &stream) {
    return fail(*session, cudaErrorStreamCaptureUnmatched);
  }
  if (session->mode != cudaStreamCaptureModeRelaxed &&
      session->thread != std::this_thread::get_id()) {
    return fail(*session, cudaErrorStreamCaptureWrongThread);
  }
  if (session->is_invalid) {
    return close(session, cudaErrorStreamCaptureInvalidated);
  }
  const auto joined = ancestors(participant->tips);
  std::vector<Edge> forked_tips = session->left;
  for (const auto& [other, forked] : state().participants) {
    if (forked.session == session && other != &stream) {
      append_own_tips(forked, forked_tips);
    }
  }
  if (!std::all_of(forked_tips.begin(), forked_tips.end(),
                   [&](const Edge& tip) { return joined.contains(tip.node); })) {
    return close(session, cudaErrorStreamCaptureUnjoined);
  }
  graph = session->graph;
  return close(session, cudaSuccess);
}

cudaError_t capture_status(Stream& stream, cudaStreamCaptureStatus& status) {
  status = cudaStreamCaptureStatusNone;
  if (!is_any_capturing()) {
    return cudaSuccess;
  }
  const std::scoped_lock lock(graphs_mutex());
  if (const Participant* participant = find(stream)) {
    status = participant->session->is_invalid ? cudaStreamCaptureStatusInvalidated
                                              : cudaStreamCaptureStatusActive;
    return cudaSuccess;
  }
  // The question alone does not invalidate a capture (CUDA runtime API, cudaStreamIsCapturing).
  const bool is_implicit =
      stream.kind == Stream::Kind::legacy &&
      std::any_of(state().participants.begin(), state().participants.end(), [&](const auto& entry) {
        return entry.first->kind == Stream::Kind::blocking && entry.first->device == stream.device;
      });
  return is_implicit ? cudaErrorStreamCaptureImplicit : cudaSuccess;
}

cudaError_t capture_info(Stream& stream, cudaStreamCaptureStatus& status, unsigned long long& id,
                         cudaGraph_t& graph, const cudaGraphNode_t** nodes,
                         const cudaGraphEdgeData** edges, std::size_t& count) {
  const std::scoped_lock lock(graphs_mutex());
  id = 0;
  graph = nullptr;
  count = 0;
  const cudaError_t error = capture_status(stream, status);
  Participant* participant = find(stream);
  if (error != cudaSuccess || participant == nullptr || participant->session->is_invalid) {
    return error;
  }
  id = participant->session->id;
  graph = handle_of(participant->session->graph.get());
  participant->shown_nodes.clear();
  participant->shown_edges.clear();
  for (const Edge& tip : participant->tips) {
    participant->shown_nodes.push_back(handle_of(tip.node));
    participant->shown_edges.push_back(tip.data);
  }
  count = participant->tips.size();
  if (nodes != nullptr) {
    *nodes = participant->shown_nodes.data();
  }
  if (edges != nullptr) {
    *edges = participant->shown_edges.data();
  }
  return cudaSuccess;
}

cudaError_t update_dependencies(Stream& stream, std::span<const Edge> dependencies, bool replaces) {
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant == nullptr) {
    return cudaErrorIllegalState;
  }
  if (participant->session->is_invalid) {
    return cudaErrorStreamCaptureInvalidated;
  }
  for (const Edge& edge : dependencies) {
    if (edge.node == nullptr || edge.node->graph != participant->session->graph.get()) {
      return cudaErrorInvalidValue;
    }
  }
  if (replaces) {
    participant->tips.clear();
  }
  merge(participant->tips, dependencies);
  for (const Edge& edge : dependencies) {
    participant->given.insert(edge.node);
  }
  return cudaSuccess;
}

void leave_capture(Stream& stream) {
  if (!is_any_capturing()) {
    return;
  }
  const std::scoped_lock lock(graphs_mutex());
  Participant* participant = find(stream);
  if (participant == nullptr) {
    return;
  }
  const std::shared_ptr<CaptureSession> session = participant->session;
  append_own_tips(*participant, session->left);
  state().participants.erase(&stream);
  if (session->origin == &stream) {
    session->is_invalid = true;
    close(session, cudaSuccess);
  }
}

void exchange_mode(cudaStreamCaptureMode& mode) {
  std::swap(mode, thread_mode);
}

}  // namespace rackproof::emulator::engine::graph
