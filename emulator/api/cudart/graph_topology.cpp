// Graphs as such: create, clone, destroy, dependencies, queries, user objects.

#include "emulator/api/cudart/graph_call.hpp"

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

namespace rackproof::emulator::api {

using engine::graph::Edge;
using engine::graph::Graph;
using engine::graph::handle_of;
using engine::graph::Node;

cudaError_t read_edges(const cudaGraphNode_t* nodes, const cudaGraphEdgeData* data,
                       std::size_t count, std::vector<Edge>& edges) {
  if (count != 0 && nodes == nullptr) {
    return cudaErrorInvalidValue;
  }
  for (std::size_t i = 0; i < count; ++i) {
    Node* node = engine::graph::to_node(nodes[i]);
    if (node == nullptr) {
      return cudaErrorInvalidValue;
    }
    edges.push_back({node, data != nullptr ? data[i] : cudaGraphEdgeData{}});
  }
  return cudaSuccess;
}

namespace {

cudaError_t list_nodes(const std::vector<Node*>& items, cudaGraphNode_t* nodes,
                       std::size_t* count) {
  if (count == nullptr) {
    return cudaErrorInvalidValue;
  }
  write_list(items, nodes == nullptr, count, [&](std::size_t i, Node* const* node) {
    nodes[i] = node != nullptr ? handle_of(*node) : nullptr;
  });
  return cudaSuccess;
}

bool is_plain(const cudaGraphEdgeData& data) {
  return data.from_port == 0 && data.to_port == 0 && data.type == cudaGraphDependencyTypeDefault;
}

struct Connection {
  Node* from;
  Edge to;
};

// Without room for annotations, edges that have some cannot be told truthfully.
cudaError_t list_edges(const std::vector<Connection>& edges, cudaGraphNode_t* from,
                       cudaGraphNode_t* to, cudaGraphEdgeData* data, std::size_t* count) {
  if (count == nullptr) {
    return cudaErrorInvalidValue;
  }
  const bool asks = from == nullptr && to == nullptr;
  if (!asks && data == nullptr &&
      !std::all_of(edges.begin(), edges.end(),
                   [](const Connection& edge) { return is_plain(edge.to.data); })) {
    return cudaErrorLossyQuery;
  }
  write_list(edges, asks, count, [&](std::size_t i, const Connection* edge) {
    if (from != nullptr) {
      from[i] = edge != nullptr ? handle_of(edge->from) : nullptr;
    }
    if (to != nullptr) {
      to[i] = edge != nullptr ? handle_of(edge->to.node) : nullptr;
    }
    if (data != nullptr) {
      data[i] = edge != nullptr ? edge->to.data : cudaGraphEdgeData{};
    }
  });
  return cudaSuccess;
}

template <typename Change>
cudaError_t change_edges(const char* name, cudaGraph_t handle, const cudaGraphNode_t* from,
                         const cudaGraphNode_t* to, const cudaGraphEdgeData* data,
                         std::size_t count, Change&& change) {
  return with_graph(name, handle, [&](Graph& graph) {
    std::vector<Edge> sources;
    std::vector<Edge> targets;
    if (read_edges(from, nullptr, count, sources) != cudaSuccess ||
        read_edges(to, data, count, targets) != cudaSuccess) {
      return cudaErrorInvalidValue;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (const cudaError_t error = change(graph, *sources[i].node, targets[i]);
          error != cudaSuccess) {
        return error;
      }
    }
    return cudaSuccess;
  });
}

}  // namespace
}  // namespace rackproof::emulator::api

using namespace rackproof::emulator;  // NOLINT: this file is the C API
using api::graph_call;
using api::with_graph;
using api::with_node;
using engine::Core;
using engine::graph::Edge;
using engine::graph::Graph;
using engine::graph::handle_of;
using engine::graph::Node;

extern "C" {

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  return graph_call("cudaGraphCreate", [&](Core&) {
    if (graph == nullptr || flags != 0) {
      return cudaErrorInvalidValue;
    }
    *graph = engine::graph::give_to_program(std::make_shared<Graph>());
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  // On a faulted device too: it is the host's memory.
  return api::query_call("cudaGraphDestroy", [&](engine::Core&) {
    const std::scoped_lock lock(engine::graph::graphs_mutex());
    return engine::graph::destroy_graph(graph);
  });
}
cudaError_t cudaGraphClone(cudaGraph_t* clone, cudaGraph_t original) {
  return with_graph("cudaGraphClone", original, [&](Graph& graph) {
    if (clone == nullptr) {
      return cudaErrorInvalidValue;
    }
    auto copy = graph.clone();
    if (copy == nullptr) {
      return cudaErrorNotSupported;
    }
    *clone = engine::graph::give_to_program(std::move(copy));
    return cudaSuccess;
  });
}
cudaError_t cudaGraphNodeFindInClone(cudaGraphNode_t* found, cudaGraphNode_t original,
                                     cudaGraph_t clone) {
  return with_node("cudaGraphNodeFindInClone", original, [&](Node& node) {
    const Graph* copy = engine::graph::to_graph(clone);
    if (found == nullptr || copy == nullptr || copy->origin() != node.graph->id()) {
      return cudaErrorInvalidValue;
    }
    for (const auto& candidate : copy->nodes()) {
      if (candidate->origin == node.id) {
        *found = handle_of(candidate.get());
        return cudaSuccess;
      }
    }
    return cudaErrorInvalidValue;
  });
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t handle, cudaGraphNodeType* type) {
  return with_node("cudaGraphNodeGetType", handle, [&](Node& node) {
    if (type == nullptr) {
      return cudaErrorInvalidValue;
    }
    *type = engine::graph::type_of(node.work);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t handle, cudaGraphNode_t* nodes, std::size_t* count) {
  return with_graph("cudaGraphGetNodes", handle, [&](Graph& graph) {
    std::vector<Node*> all;
    for (const auto& node : graph.nodes()) {
      all.push_back(node.get());
    }
    return api::list_nodes(all, nodes, count);
  });
}
cudaError_t cudaGraphGetRootNodes(cudaGraph_t handle, cudaGraphNode_t* nodes, std::size_t* count) {
  return with_graph("cudaGraphGetRootNodes", handle, [&](Graph& graph) {
    std::vector<Node*> roots;
    for (const auto& node : graph.nodes()) {
      if (node->dependencies.empty()) {
        roots.push_back(node.get());
      }
    }
    return api::list_nodes(roots, nodes, count);
  });
}
cudaError_t cudaGraphGetEdges(cudaGraph_t handle, cudaGraphNode_t* from, cudaGraphNode_t* to,
                              cudaGraphEdgeData* data, std::size_t* count) {
  return with_graph("cudaGraphGetEdges", handle, [&](Graph& graph) {
    if ((from == nullptr) != (to == nullptr)) {
      return cudaErrorInvalidValue;
    }
    std::vector<api::Connection> edges;
    for (const auto& node : graph.nodes()) {
      for (const Edge& edge : node->dependents) {
        edges.push_back({node.get(), edge});
      }
    }
    return api::list_edges(edges, from, to, data, count);
  });
}
cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t handle, cudaGraphNode_t* nodes,
                                         cudaGraphEdgeData* data, std::size_t* count) {
  return with_node("cudaGraphNodeGetDependencies", handle, [&](Node& node) {
    std::vector<api::Connection> edges;
    for (const Edge& edge : node.dependencies) {
      edges.push_back({edge.node, {&node, edge.data}});
    }
    return api::list_edges(edges, nodes, nullptr, data, count);
  });
}
cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t handle, cudaGraphNode_t* nodes,
                                           cudaGraphEdgeData* data, std::size_t* count) {
  return with_node("cudaGraphNodeGetDependentNodes", handle, [&](Node& node) {
    std::vector<api::Connection> edges;
    for (const Edge& edge : node.dependents) {
      edges.push_back({&node, edge});
    }
    return api::list_edges(edges, nullptr, nodes, data, count);
  });
}
cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                     const cudaGraphNode_t* to, const cudaGraphEdgeData* data,
                                     std::size_t count) {
  return api::change_edges("cudaGraphAddDependencies", graph, from, to, data, count,
                           [](Graph& target, Node& source, const Edge& edge) {
                             return target.connect(source, *edge.node, edge.data);
                           });
}
cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                        const cudaGraphNode_t* to, const cudaGraphEdgeData* data,
                                        std::size_t count) {
  return api::change_edges("cudaGraphRemoveDependencies", graph, from, to, data, count,
                           [](Graph& target, Node& source, const Edge& edge) {
                             return target.disconnect(source, *edge.node, edge.data);
                           });
}
cudaError_t cudaGraphDestroyNode(cudaGraphNode_t handle) {
  return with_node("cudaGraphDestroyNode", handle,
                   [](Node& node) { return node.graph->remove(node); });
}

cudaError_t cudaGraphDebugDotPrint(cudaGraph_t handle, const char* path, unsigned flags) {
  return with_graph("cudaGraphDebugDotPrint", handle, [&](Graph& graph) {
    std::FILE* file = path == nullptr ? nullptr : std::fopen(path, "w");
    if (file == nullptr) {
      return path == nullptr ? cudaErrorInvalidValue : cudaErrorOperatingSystem;
    }
    const std::string text = engine::graph::to_dot(graph, flags);
    const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    return std::fclose(file) == 0 && is_written ? cudaSuccess : cudaErrorOperatingSystem;
  });
}

cudaError_t cudaUserObjectCreate(cudaUserObject_t* object, void* data, cudaHostFn_t destroy,
                                 unsigned references, unsigned flags) {
  return graph_call("cudaUserObjectCreate", [&](Core&) {
    return engine::graph::create_user_object(data, destroy, references, flags, object);
  });
}
cudaError_t cudaUserObjectRetain(cudaUserObject_t object, unsigned count) {
  return graph_call("cudaUserObjectRetain",
                    [&](Core&) { return engine::graph::retain_user_object(object, count); });
}
cudaError_t cudaUserObjectRelease(cudaUserObject_t object, unsigned count) {
  return graph_call("cudaUserObjectRelease",
                    [&](Core&) { return engine::graph::release_user_object(object, count); });
}
cudaError_t cudaGraphRetainUserObject(cudaGraph_t handle, cudaUserObject_t object, unsigned count,
                                      unsigned flags) {
  return with_graph("cudaGraphRetainUserObject", handle, [&](Graph& graph) {
    if (count == 0 || (flags & ~static_cast<unsigned>(cudaGraphUserObjectMove)) != 0) {
      return cudaErrorInvalidValue;
    }
    // Without the flag the caller keeps its references and the graph gets new ones.
    if (flags == 0) {
      if (const cudaError_t error = engine::graph::retain_user_object(object, count);
          error != cudaSuccess) {
        return error;
      }
    }
    auto* entry = engine::graph::to_user_object(object);
    if (entry == nullptr) {
      return cudaErrorInvalidValue;
    }
    graph.user_objects.emplace_back(entry, count);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphReleaseUserObject(cudaGraph_t handle, cudaUserObject_t object,
                                       unsigned count) {
  return with_graph("cudaGraphReleaseUserObject", handle, [&](Graph& graph) {
    const auto* entry = engine::graph::to_user_object(object);
    unsigned held = 0;
    for (const auto& reference : graph.user_objects) {
      held += reference.object() == entry ? reference.count() : 0;
    }
    if (entry == nullptr || count == 0 || count > held) {
      return cudaErrorInvalidValue;
    }
    for (auto& reference : graph.user_objects) {
      if (reference.object() == entry && count != 0) {
        const unsigned part = std::min(count, reference.count());
        reference.release(part);
        count -= part;
      }
    }
    std::erase_if(graph.user_objects, [](const auto& reference) { return reference.count() == 0; });
    return cudaSuccess;
  });
}

}  // extern "C"
