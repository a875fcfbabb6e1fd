// Graphviz text of a graph.

#include "emulator/engine/graph/graph.hpp"

#include <array>
#include <sstream>
#include <string>

namespace rackproof::emulator::engine::graph {
namespace {

const char* type_name(const NodeWork& work) {
  constexpr std::array kNames = {"EMPTY",     "KERNEL",   "MEMCPY",     "MEMSET",
                                 "HOST",      "GRAPH",    "WAIT_EVENT", "EVENT_RECORD",
                                 "MEM_ALLOC", "MEM_FREE", "CONDITIONAL"};
  static_assert(kNames.size() == std::variant_size_v<NodeWork>);
  return kNames[work.index()];
}

bool shows(unsigned flags, cudaGraphDebugDotFlags flag) {
  return (flags & (static_cast<unsigned>(flag) | cudaGraphDebugDotFlagsVerbose)) != 0;
}

void write_details(std::ostream& out, const NodeWork& work, unsigned flags) {
  if (const auto* kernel = std::get_if<KernelNode>(&work)) {
    out << "\\n" << kernel->kernel->name;
    if (shows(flags, cudaGraphDebugDotFlagsKernelNodeParams)) {
      out << "\\ngrid " << kernel->grid.x << "," << kernel->grid.y << "," << kernel->grid.z
          << " block " << kernel->block.x << "," << kernel->block.y << "," << kernel->block.z
          << " shared " << kernel->dynamic_shared_bytes;
    }
  } else if (const auto* copy = std::get_if<CopyNode>(&work);
             copy != nullptr && shows(flags, cudaGraphDebugDotFlagsMemcpyNodeParams)) {
    out << "\\n"
        << copy->box.srcPtr.ptr << " to " << copy->box.dstPtr.ptr << ", " << copy->box.extent.width
        << " x " << copy->box.extent.height << " x " << copy->box.extent.depth;
  } else if (const auto* fill = std::get_if<FillNode>(&work);
             fill != nullptr && shows(flags, cudaGraphDebugDotFlagsMemsetNodeParams)) {
    out << "\\n"
        << fill->parameters.dst << " value " << fill->parameters.value << ", "
        << fill->parameters.width << " x " << fill->parameters.height;
  } else if (const auto* host = std::get_if<HostNode>(&work);
             host != nullptr && shows(flags, cudaGraphDebugDotFlagsHostNodeParams)) {
    out << "\\n" << reinterpret_cast<void*>(host->function) << "(" << host->data << ")";
  }
}

void write_graph(std::ostream& out, const Graph& graph, unsigned flags) {
  out << "subgraph cluster_" << graph.id() << " {\nlabel=\"graph_" << graph.id() << "\"\n";
  for (const auto& node : graph.nodes()) {
    out << "node_" << node->id << " [shape=record label=\"" << node->id << "\\n"
        << type_name(node->work);
    if (shows(flags, cudaGraphDebugDotFlagsHandles)) {
      out << "\\n" << static_cast<const void*>(node.get());
    }
    write_details(out, node->work, flags);
    out << "\"];\n";
    for (const Edge& edge : node->dependents) {
      out << "node_" << node->id << " -> node_" << edge.node->id << ";\n";
    }
    if (const auto* child = std::get_if<ChildNode>(&node->work)) {
      write_graph(out, *child->graph, flags);
    } else if (const auto* conditional = std::get_if<ConditionalNode>(&node->work)) {
      for (const auto& body : conditional->bodies) {
        write_graph(out, *body, flags);
      }
    }
  }
  out << "}\n";
}

}  // namespace

std::string to_dot(const Graph& graph, unsigned flags) {
  std::ostringstream out;
  out << "digraph dot {\n";
  write_graph(out, graph, flags);
  out << "}\n";
  return out.str();
}

}  // namespace rackproof::emulator::engine::graph
