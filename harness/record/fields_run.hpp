#pragma once
/// The form of the document, continued: the run, its software and its topology (see fields.hpp).

#include "harness/record/fields.hpp"

namespace rackproof::harness::record {

template <typename Visitor>
void fields(Visitor& visit, Of<Build> auto& x) {
  visit("version", x.version);
  visit("git_commit", x.git_commit);
  visit("git_dirty", x.git_dirty);
  visit("build_type", x.build_type);
  visit("host_compiler", x.host_compiler);
  visit("cuda_compiler", x.cuda_compiler);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Run> auto& x) {
  visit("id", x.id);
  visit("started_at", x.started_at);
  visit("duration_s", x.duration_s);
  visit("suite", x.suite);
  visit("seed", x.seed);
  visit("command", x.command);
  visit("build", x.build);
  visit("backend", x.backend);
  visit("outcome", x.outcome);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Software> auto& x) {
  visit("driver", x.driver);
  visit("cuda_driver", x.cuda_driver);
  visit("cuda_runtime", x.cuda_runtime);
  visit("nccl", x.nccl);
  visit("cublaslt", x.cublaslt);
  visit("mpi", x.mpi);
  visit("google_benchmark", x.google_benchmark);
  visit("operating_system", x.operating_system);
  visit("kernel", x.kernel);
  visit("architecture", x.architecture);
  visit("environment", x.environment);
}

template <typename Visitor>
void fields(Visitor& visit, Of<topology::FabricHealth> auto& x) {
  visit("degraded_bandwidth", x.degraded_bandwidth);
  visit("route_recovery", x.route_recovery);
  visit("route_unhealthy", x.route_unhealthy);
  visit("access_timeout_recovery", x.access_timeout_recovery);
  visit("incorrect_configuration", x.incorrect_configuration);
}

template <typename Visitor>
void fields(Visitor& visit, Of<topology::Fabric> auto& x) {
  visit("state", x.state);
  visit.if_not_empty("cluster_uuid", x.cluster_uuid);
  visit("clique_id", x.clique_id);
  visit("health", x.health);
}

template <typename Visitor>
void fields(Visitor& visit, Of<topology::Gpu> auto& x) {
  visit("rank", x.rank);
  visit("device", x.device);
  visit("name", x.name);
  visit("uuid", x.uuid);
  visit("pci_bus_id", x.pci_bus_id);
  visit("serial", x.serial);
  visit("module_id", x.module_id);
  visit("compute_capability", x.cc);
  visit("multiprocessors", x.multiprocessors);
  visit("memory_bytes", x.memory_bytes);
  visit("free_memory_bytes", x.free_memory_bytes);
  visit("l2_bytes", x.l2_bytes);
  visit("shared_memory_per_block_bytes", x.shared_memory_per_block_bytes);
  visit("max_sm_clock_mhz", x.max_sm_clock_mhz);
  visit("memory_clock_mhz", x.memory_clock_mhz);
  visit("fabric", x.fabric);
}

template <typename Visitor>
void fields(Visitor& visit, Of<topology::Node> auto& x) {
  visit("id", x.id);
  visit("host", x.host);
  visit("chassis_serial", x.chassis_serial);
  visit("tray_index", x.tray_index);
  visit("slot_number", x.slot_number);
  visit("gpus", x.gpus);
}

template <typename Visitor>
void fields(Visitor& visit, Of<topology::Rack> auto& x) {
  visit("id", x.id);
  visit("cluster_uuid", x.cluster_uuid);
  visit("clique_id", x.clique_id);
  visit("nodes", x.nodes);
}

/// Backend and driver stand in run and software; places follow from the ranks.
template <typename Visitor>
void fields(Visitor& visit, Of<topology::Topology> auto& x) {
  visit("racks", x.racks);
  visit("notes", x.notes);
}

/// The path of the rack file stays out: it belongs to one machine.
template <typename Visitor>
void fields(Visitor& visit, Of<topology::RackFacts> auto& x) {
  visit("id", x.id);
  visit("gpu_name", x.gpu_name);
  visit("nodes", x.nodes);
  visit("gpus_per_node", x.gpus_per_node);
  visit("dense_tflops", x.dense_tflops);
  visit("memory_gb_per_s", x.memory_gb_per_s);
  visit("nvlink_gb_per_s", x.nvlink_gb_per_s);
  visit("source", x.source);
  visit("memory_source", x.memory_source);
  visit("nvlink_source", x.nvlink_source);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Record> auto& x) {
  visit.schema_version();
  visit("run", x.run);
  visit("software", x.software);
  visit("topology", x.topology);
  visit("rack_model", x.rack_model);
  visit("benchmarks", x.benchmarks);
  visit("notes", x.notes);
}

}  // namespace rackproof::harness::record
