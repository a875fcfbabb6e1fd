#pragma once
/// The form of the document, once, for writing and reading: which fields each type has, in order.
/// A visitor is called as visit("key", value); see json_writer.cpp and json_reader.cpp.

#include "harness/record/record.hpp"

#include <concepts>
#include <type_traits>

namespace rackproof::harness::record {

/// T or const T: the writer visits constant records.
template <typename Value, typename T>
concept Of = std::same_as<std::remove_const_t<Value>, T>;

template <typename Visitor>
void fields(Visitor& visit, Of<Throughput> auto& x) {
  visit("value", x.value);
  visit("unit", x.unit);
  visit("basis", x.basis);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Aggregate> auto& x) {
  visit("sum", x.sum);
  visit("min", x.min);
  visit("median", x.median);
  visit("max", x.max);
  visit("unit", x.unit);
  visit("basis", x.basis);
  visit("members", x.members);
}

template <typename Visitor>
void fields(Visitor& visit, Of<TimeStatistics> auto& x) {
  visit("n", x.n);
  visit("min", x.min);
  visit("median", x.median);
  visit("p95", x.p95);
  visit("p99", x.p99);
  visit("max", x.max);
  visit("mad", x.mad);
  visit("cv", x.cv);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Range> auto& x) {
  visit("min", x.min);
  visit("median", x.median);
  visit("max", x.max);
}

template <typename Visitor>
void fields(Visitor& visit, Of<GpuRef> auto& x) {
  visit("rack", x.rack);
  visit("node", x.node);
  visit("gpu", x.gpu);
  visit("rank", x.rank);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Telemetry> auto& x) {
  visit("sm_clock_mhz", x.sm_clock_mhz);
  visit("memory_clock_mhz", x.memory_clock_mhz);
  visit("power_w", x.power_w);
  visit("temperature_c", x.temperature_c);
  visit("energy_j", x.energy_j);
  visit("clock_event_reasons", x.clock_event_reasons);
}

template <typename Visitor>
void fields(Visitor& visit, Of<kernels::Work> auto& x) {
  visit("flops", x.flops);
  visit("bytes", x.bytes);
  visit("accesses", x.accesses);
}

template <typename Visitor>
void fields(Visitor& visit, Of<kernels::KernelResources> auto& x) {
  visit("kernel", x.kernel);
  visit("registers_per_thread", x.registers_per_thread);
  visit("spill_bytes_per_thread", x.spill_bytes_per_thread);
  visit("shared_bytes_per_block", x.shared_bytes_per_block);
  visit("threads_per_block", x.threads_per_block);
  visit("blocks", x.blocks);
  visit("choice", x.choice);
}

template <typename Visitor>
void fields(Visitor& visit, Of<WorkCounts> auto& x) {
  visit("kernels", x.kernels);
  visit("ctas", x.ctas);
  visit("warp_instructions", x.warp_instructions);
  visit("thread_instructions", x.thread_instructions);
  visit("matrix_instructions", x.matrix_instructions);
  visit("tensor_flops", x.tensor_flops);
  visit("fp32_flops", x.fp32_flops);
  visit("global_requests", x.global_requests);
  visit("global_sectors", x.global_sectors);
  visit("global_sectors_minimum", x.global_sectors_minimum);
  visit("global_load_bytes", x.global_load_bytes);
  visit("global_store_bytes", x.global_store_bytes);
  visit("unique_global_bytes", x.unique_global_bytes);
  visit("shared_requests", x.shared_requests);
  visit("shared_wavefronts", x.shared_wavefronts);
  visit("shared_wavefronts_minimum", x.shared_wavefronts_minimum);
  visit("async_copy_bytes", x.async_copy_bytes);
  visit("barrier_waits", x.barrier_waits);
}

template <typename Visitor>
void fields(Visitor& visit, Of<kernels::WrongElement> auto& x) {
  visit("index", x.index);
  visit("coordinate", x.coordinate);
  visit.any_number("expected", x.expected);
  visit.any_number("actual", x.actual);
}

template <typename Visitor>
void fields(Visitor& visit, Of<kernels::Verification> auto& x) {
  visit("passed", x.passed);
  visit("checked_elements", x.checked_elements);
  visit("total_elements", x.total_elements);
  visit("wrong_elements", x.wrong_elements);
  visit.if_present("first_wrong", x.first_wrong);
  visit.any_number("max_error", x.max_error);
  visit("tolerance", x.tolerance);
  visit("measure", x.measure);
}

template <typename Visitor>
void fields(Visitor& visit, Of<GpuResult> auto& x) {
  fields(visit, x.gpu);
  visit("samples_s", x.samples_s);
  visit("throttled_samples", x.throttled_samples);
  visit("time_s", x.time_s);
  visit("throughput", x.throughput);
  visit("attainment", x.attainment);
  visit.verified("verified", x.verification);
  visit("verification", x.verification);
  visit("resources", x.resources);
  visit("work_counts", x.work_counts);
  visit("telemetry", x.telemetry);
}

template <typename Visitor>
void fields(Visitor& visit, Of<NodeResult> auto& x) {
  visit("rack", x.rack);
  visit("node", x.node);
  visit("throughput", x.throughput);
  visit("slowest", x.slowest);
}

template <typename Visitor>
void fields(Visitor& visit, Of<RackResult> auto& x) {
  visit("rack", x.rack);
  visit("throughput", x.throughput);
  visit("slowest", x.slowest);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Roofline> auto& x) {
  visit("peak", x.peak);
  visit("unit", x.unit);
  visit("limiter", x.limiter);
  visit("source", x.source);
  visit("attainment", x.attainment);
  visit("basis", x.basis);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Baseline> auto& x) {
  visit("library", x.library);
  visit("throughput", x.throughput);
  visit("ratio", x.ratio);
}

template <typename Visitor>
void fields(Visitor& visit, Of<RankTime> auto& x) {
  fields(visit, x.gpu);
  visit("median_s", x.median_s);
}

template <typename Visitor>
void fields(Visitor& visit, Of<CommunicatorResult> auto& x) {
  visit("scope", x.scope);
  visit("placement", x.placement);
  visit("bytes", x.bytes);
  visit("ranks", x.ranks);
  visit("samples_s", x.samples_s);
  visit("time_s", x.time_s);
  visit("algbw", x.algbw);
  visit("busbw", x.busbw);
  visit("wire", x.wire);
  visit("wire_model", x.wire_model);
  visit("verified", x.verified);
  visit("wrong_elements", x.wrong_elements);
}

template <typename Visitor>
void fields(Visitor& visit, Of<Benchmark> auto& x) {
  visit("name", x.name);
  visit("operation", x.operation);
  visit("params", x.params);
  visit("size_reason", x.size_reason);
  visit("variant", x.variant);
  visit("work", x.work);
  visit("better", x.better);
  visit("cache", x.cache);
  visit("cache_method", x.cache_method);
  visit("input_distribution", x.input_distribution);
  visit("status", x.status);
  visit.if_not_empty("status_reason", x.status_reason);
  visit("gpus", x.gpus);
  visit("nodes", x.nodes);
  visit("racks", x.racks);
  visit("communicators", x.communicators);
  visit("roofline", x.roofline);
  visit("baseline", x.baseline);
}

}  // namespace rackproof::harness::record
