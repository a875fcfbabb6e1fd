#pragma once
/// One benchmark of the record: what ran, and what it gave per GPU, node, rack and communicator.

#include "harness/record/figures.hpp"
#include "kernels/operation.hpp"
#include "kernels/params.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::harness::record {

/// ok: ran everywhere and nothing is wrong. wrong: ran, but a result differs from its reference.
enum class Status : std::uint8_t { ok, wrong, failed, not_run };

/// What the caches held when a sample began.
enum class CacheState : std::uint8_t { cold, warm, not_applicable };

/// NVML readings of one GPU while it was sampled; each missing where the driver does not say.
struct Telemetry {
  Reported<Range> sm_clock_mhz;
  Reported<Range> memory_clock_mhz;
  Reported<Range> power_w;
  Reported<Range> temperature_c;
  Reported<double> energy_j;
  Reported<std::vector<std::string>> clock_event_reasons;  ///< names of NVML clock event reasons
};

/// What one execution made its GPU do, counted exactly; figures of the kernel, not of its speed.
struct WorkCounts {
  std::uint64_t kernels = 0;  ///< grids launched
  std::uint64_t ctas = 0;
  std::uint64_t warp_instructions = 0;       ///< issued
  std::uint64_t thread_instructions = 0;     ///< of active threads
  std::uint64_t matrix_instructions = 0;     ///< warp-wide matrix multiply-adds (mma)
  double tensor_flops = 0;                   ///< of matrix instructions, 2 per multiply-add
  double fp32_flops = 0;                     ///< of fp32 instructions: fma 2, add and multiply 1
  std::uint64_t global_requests = 0;         ///< warp instructions that access global memory
  std::uint64_t global_sectors = 0;          ///< distinct 32-byte sectors of each request, added up
  std::uint64_t global_sectors_minimum = 0;  ///< fewest that hold each request's distinct bytes
  std::uint64_t global_load_bytes = 0;       ///< asked for by active threads
  std::uint64_t global_store_bytes = 0;
  std::uint64_t unique_global_bytes = 0;        ///< distinct sectors of each grid, times 32
  std::uint64_t shared_requests = 0;            ///< warp instructions that access shared memory
  std::uint64_t shared_wavefronts = 0;          ///< passes over the banks that those took
  std::uint64_t shared_wavefronts_minimum = 0;  ///< of the same requests without bank conflicts
  std::uint64_t async_copy_bytes = 0;           ///< from global to shared memory by cp.async
  std::uint64_t barrier_waits = 0;              ///< warps that waited at a barrier

  auto operator<=>(const WorkCounts&) const = default;
};

struct GpuResult {
  GpuRef gpu;
  std::vector<double> samples_s;                         ///< all of them, in the order taken
  Reported<std::vector<std::size_t>> throttled_samples;  ///< indices into samples_s
  Reported<TimeStatistics> time_s;
  /// Work over median time; for a collective the busbw of the communicator it is a member of.
  Reported<Throughput> throughput;
  Reported<double> attainment;  ///< fraction of Roofline::peak
  Reported<kernels::Verification> verification;
  Reported<kernels::KernelResources> resources;
  Reported<WorkCounts> work_counts;  ///< missing where the CUDA runtime does not count
  Reported<Telemetry> telemetry;
};

struct NodeResult {
  std::string rack;
  std::string node;
  Reported<Aggregate> throughput;  ///< over the GPUs of the node
  Reported<GpuRef> slowest;        ///< the first GPU that has the worst figure
};

struct RackResult {
  std::string rack;
  Reported<Aggregate> throughput;  ///< over the sums of its nodes; of a latency, their medians
  Reported<std::string> slowest;   ///< id of the first node that has the worst figure
};

/// The highest rate that the datasheet allows for this work on one GPU, and how near the GPUs came.
struct Roofline {
  double peak = 0;
  std::string unit;
  std::string limiter;  ///< "compute", "memory" or "link"
  std::string source;   ///< the arithmetic and where its figures come from
  /// Over the GPUs. On the emulator basis is modelled: it says nothing about speed.
  Reported<Range> attainment;
  Basis basis = Basis::measured;
};

/// What a library makes of the same problem, on the same GPUs.
struct Baseline {
  std::string library;   ///< "cuBLASLt 13.1.0"
  Aggregate throughput;  ///< over the GPUs
  double ratio = 0;      ///< median of this benchmark over median of the library
};

struct RankTime {
  GpuRef gpu;
  double median_s = 0;
};

/// One communicator's figures. A collective's time is the maximum over its ranks, per sample.
struct CommunicatorResult {
  std::string scope;        ///< "node", "rack" or "all"
  std::string placement;    ///< "in_place" or "out_of_place"
  std::uint64_t bytes = 0;  ///< message size as NCCL's tests count it
  std::vector<RankTime> ranks;
  std::vector<double> samples_s;
  Reported<TimeStatistics> time_s;
  Reported<Throughput> algbw;
  Reported<Throughput> busbw;
  Reported<Throughput> wire;  ///< what each GPU sends over its links, by `wire_model`
  std::string wire_model;     ///< "ring: equals busbw", "in-switch reduction: algbw * (n + 1) / n"
  Reported<bool> verified;
  Reported<std::uint64_t> wrong_elements;  ///< over all ranks
};

struct Benchmark {
  std::string name;       ///< unique in the record: "gemm/bf16/m8192n8192k8192"
  std::string operation;  ///< "gemm", "attention", "memory", "all_reduce"
  kernels::ParamMap params;
  std::string size_reason;  ///< why it has this size
  Reported<std::string> variant;
  kernels::Work work;  ///< of one execution on one GPU; zero flops where none are counted
  Better better = Better::higher;  ///< which of two figures of this benchmark is the better one
  CacheState cache = CacheState::cold;
  std::string cache_method;  ///< how that state was made: "3 buffer sets rotated, 302 MB > L2"
  std::string input_distribution;
  Status status = Status::ok;
  std::string status_reason;  ///< empty exactly when the status is ok
  std::vector<GpuResult> gpus;
  std::vector<NodeResult> nodes;
  std::vector<RackResult> racks;
  std::vector<CommunicatorResult> communicators;  ///< of a collective; else empty
  Reported<Roofline> roofline;
  Reported<Baseline> baseline;
};

}  // namespace rackproof::harness::record
