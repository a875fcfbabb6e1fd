#include "tests/golden/sample_record.hpp"

#include "harness/record/rollup.hpp"
#include "harness/record/roofline.hpp"
#include "harness/record/statistics.hpp"
#include "tests/golden/sample_topology.hpp"

#include <fmt/format.h>

namespace rackproof::tests {
namespace {

using namespace harness::record;  // NOLINT(google-build-using-namespace)
namespace topology = harness::topology;

constexpr int kSamples = 12;

/// Reproducible noise in [0, 1): Knuth's MMIX generator, high bits.
class Noise {
 public:
  double next() {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<double>(state_ >> 11) * 0x1p-53;
  }

 private:
  std::uint64_t state_ = 42;
};

/// What the sample needs to know to invent one benchmark.
struct Recipe {
  std::string name;
  std::string operation;
  kernels::ParamMap params;
  kernels::Work work;
  std::string unit;
  std::string format;
  double rate = 0;  ///< in `unit`; of a GPU without noise
};

kernels::Verification passed(std::uint64_t elements) {
  kernels::Verification result;
  result.passed = true;
  result.checked_elements = elements;
  result.total_elements = elements;
  result.max_error = 0.3125;
  result.tolerance = 1;
  result.measure = "largest |difference| / (gamma_k * sum |a||b| + rounding of the output)";
  return result;
}

/// A kernel that does the minimum and no more, on tensor cores where it computes.
Reported<WorkCounts> make_work_counts(const kernels::Work& work, topology::Backend backend) {
  if (backend == topology::Backend::gpu) {
    return Reported<WorkCounts>::missing("this CUDA runtime does not count work");
  }
  constexpr std::uint64_t kSectorBytes = 32;
  WorkCounts counts;
  counts.kernels = 1;
  counts.ctas = 304;
  counts.global_sectors = static_cast<std::uint64_t>(work.bytes) / kSectorBytes;
  counts.global_sectors_minimum = counts.global_sectors;
  counts.unique_global_bytes = counts.global_sectors * kSectorBytes;
  counts.global_load_bytes = counts.unique_global_bytes;
  counts.global_requests = counts.global_sectors / 16;
  counts.warp_instructions = 4 * counts.global_requests;
  counts.thread_instructions = 32 * counts.warp_instructions;
  counts.tensor_flops = work.flops;
  return counts;
}

Telemetry make_telemetry(const SampleShape& shape) {
  Telemetry result;
  if (shape.backend == topology::Backend::gpu) {
    result.sm_clock_mhz = Range{1860, 1905, 1920};
    result.memory_clock_mhz = Range{3996, 3996, 3996};
    result.power_w = Range{880, 1312.5, 1398};
    result.temperature_c = Range{41, 55, 58};
    result.energy_j = 5120.5;
    result.clock_event_reasons = std::vector<std::string>{"sw_power_cap"};
  } else {
    const std::string reason = "the emulator models no clocks, power or temperature";
    result.sm_clock_mhz = Reported<Range>::missing(reason);
    result.memory_clock_mhz = Reported<Range>::missing(reason);
    result.power_w = Reported<Range>::missing(reason);
    result.temperature_c = Reported<Range>::missing(reason);
    result.energy_j = Reported<double>::missing(reason);
    result.clock_event_reasons = Reported<std::vector<std::string>>::missing(reason);
  }
  return result;
}

Benchmark start(const Recipe& recipe) {
  Benchmark result;
  result.name = recipe.name;
  result.operation = recipe.operation;
  result.params = recipe.params;
  result.size_reason = "fixed by the sample";
  result.variant = std::string("sm80");
  result.work = recipe.work;
  result.cache = CacheState::cold;
  result.cache_method = "3 buffer sets rotated, together larger than the L2";
  result.input_distribution = "uniform [-1, 1), seeded";
  result.baseline = Reported<Baseline>::missing("cuBLASLt cannot run here");
  return result;
}

Benchmark make_kernel(const Recipe& recipe, const Record& record, const SampleShape& shape,
                      Noise& noise) {
  Benchmark result = start(recipe);
  result.roofline = kernel_roofline(recipe.work, recipe.unit, recipe.format, record.rack_model,
                                    record.run.basis());
  const double amount = recipe.unit == kTflops ? recipe.work.flops / 1e12 : recipe.work.bytes / 1e9;
  for (int rank = 0; rank < record.topology.gpus(); ++rank) {
    GpuResult gpu;
    gpu.gpu = gpu_ref(record.topology, rank);
    const double slowness = 1 + 0.04 * noise.next() + (rank % 29 == 6 ? 0.12 : 0);
    for (int i = 0; i < kSamples; ++i) {
      gpu.samples_s.push_back(amount / recipe.rate * slowness * (1 + 0.01 * noise.next()));
    }
    gpu.throttled_samples = Reported<std::vector<std::size_t>>::missing("no clocks were sampled");
    gpu.time_s = time_statistics(gpu.samples_s);
    gpu.throughput = Throughput{amount / gpu.time_s->median, recipe.unit, record.run.basis()};
    gpu.verification = passed(4096);
    gpu.resources = kernels::KernelResources{"sample_kernel", 128, 0, 49152, 256, 304};
    gpu.work_counts = make_work_counts(recipe.work, shape.backend);
    gpu.telemetry = make_telemetry(shape);
    result.gpus.push_back(gpu);
  }
  return result;
}

CommunicatorResult make_communicator(const Record& record, const std::string& placement,
                                     std::uint64_t bytes, double time_s) {
  const auto n = static_cast<double>(record.topology.gpus());
  CommunicatorResult result;
  result.scope = "all";
  result.placement = placement;
  result.bytes = bytes;
  result.samples_s.assign(kSamples, time_s);
  result.time_s = time_statistics(result.samples_s);
  const Basis basis = record.run.basis();
  const double algbw = static_cast<double>(bytes) / time_s / 1e9;
  result.algbw = Throughput{algbw, kGbPerS, basis};
  result.busbw = Throughput{algbw * 2 * (n - 1) / n, kGbPerS, basis};
  result.wire = Throughput{algbw * (n + 1) / n, kGbPerS, basis};
  result.wire_model = "in-switch reduction: algbw * (n + 1) / n";
  result.verified = true;
  result.wrong_elements = std::uint64_t{0};
  return result;
}

Benchmark make_all_reduce(const std::string& placement, std::uint64_t bytes, const Record& record,
                          const SampleShape& shape) {
  Recipe recipe;
  recipe.name = fmt::format("all_reduce/bf16/sum/{}/{}B", placement, bytes);
  recipe.operation = "all_reduce";
  recipe.params = {{"type", std::string("bf16")},
                   {"reduction", std::string("sum")},
                   {"placement", placement},
                   {"bytes", static_cast<std::int64_t>(bytes)}};
  recipe.work.bytes = static_cast<double>(bytes);
  Benchmark result = start(recipe);
  result.variant = Reported<std::string>::missing("NCCL chooses its algorithm");
  result.input_distribution = "small integers, exact in any order of summation";
  result.roofline = collective_roofline(shape.racks == 1, record.rack_model, record.run.basis());
  result.baseline = Reported<Baseline>::missing("a collective has no other library here");
  const double latency_s = placement == "in_place" ? 6e-6 : 7e-6;
  const double time_s = latency_s + static_cast<double>(bytes) / 480e9;
  CommunicatorResult communicator = make_communicator(record, placement, bytes, time_s);
  for (int rank = 0; rank < record.topology.gpus(); ++rank) {
    GpuResult gpu;
    gpu.gpu = gpu_ref(record.topology, rank);
    gpu.samples_s.assign(kSamples, time_s);
    gpu.throttled_samples = Reported<std::vector<std::size_t>>::missing("no clocks were sampled");
    gpu.time_s = time_statistics(gpu.samples_s);
    gpu.verification = passed(bytes / 2);
    gpu.resources = Reported<kernels::KernelResources>::missing("NCCL's kernels are its own");
    gpu.work_counts = Reported<WorkCounts>::missing("NCCL's kernels are its own");
    gpu.telemetry = make_telemetry(shape);
    communicator.ranks.push_back({gpu.gpu, time_s});
    result.gpus.push_back(gpu);
  }
  result.communicators.push_back(communicator);
  return result;
}

/// Planned, but there is no kernel for it on this device.
Benchmark make_not_run() {
  Recipe recipe;
  recipe.name = "gemm/fp8/m4096n4096k4096";
  recipe.operation = "gemm";
  recipe.params = {{"type", std::string("fp8")}, {"m", 4096}, {"n", 4096}, {"k", 4096}};
  recipe.work = {137.4e9, 50.3e6};
  Benchmark result = start(recipe);
  result.status = Status::not_run;
  result.status_reason = "not supported on compute capability 10.3: no variant for fp8";
  result.variant = Reported<std::string>::missing(result.status_reason);
  result.roofline = Reported<Roofline>::missing(result.status_reason);
  return result;
}

/// The last GPU returned a wrong element, and its time is therefore no figure.
Benchmark make_wrong(const Record& record, const SampleShape& shape, Noise& noise) {
  Recipe recipe{"attention/fp16/causal/b1h8s1024d64",
                "attention",
                {{"type", std::string("fp16")},
                 {"causal", true},
                 {"scale", 0.125},
                 {"heads", std::vector<std::int64_t>{8, 2}}},
                {1.07e9, 4.2e6},
                kTflops,
                "bf16",
                310};
  Benchmark result = make_kernel(recipe, record, shape, noise);
  GpuResult& last = result.gpus.back();
  kernels::Verification verification = passed(524288);
  verification.passed = false;
  verification.wrong_elements = 1;
  verification.max_error = 91.5;
  verification.first_wrong = kernels::WrongElement{17, "head 0, row 0, column 17", 0.25, 1.5};
  last.verification = verification;
  result.status = Status::wrong;
  result.status_reason = fmt::format(
      "{} GPU {}: 1 wrong element, first at head 0, row 0, column 17", last.gpu.node, last.gpu.gpu);
  last.throughput = Reported<Throughput>::missing("its result is wrong");
  return result;
}

}  // namespace

Record sample_record(const SampleShape& shape) {
  Record record;
  record.run.id = "20261122T014500Z-sample";
  record.run.started_at = "2026-11-22T01:45:00Z";
  record.run.duration_s = 12.5;
  record.run.suite = "sample";
  record.run.seed = 1;
  record.run.command = {"rackproof", "run", "--suite", "sample", "--filter", ""};
  record.run.build = {"0.1.0",      std::string("0123456789abcdef0123456789abcdef01234567"),
                      false,        "Release",
                      "GNU 12.2.0", "nvcc 13.0.88"};
  record.run.backend = shape.backend;
  record.run.outcome = Outcome::wrong_results;
  record.software.driver = std::string("580.00");
  record.software.cuda_driver = std::string("13.0");
  record.software.cuda_runtime = std::string("13.0");
  record.software.nccl = std::string("2.28.9");
  record.software.cublaslt = Reported<std::string>::missing("not loaded: the library is not here");
  record.software.mpi = std::string("Open MPI 4.1.4");
  record.software.google_benchmark = std::string("1.7.1");
  record.software.operating_system = std::string("Debian GNU/Linux 12 (bookworm)");
  record.software.kernel = std::string("6.1.0");
  record.software.architecture = "x86_64";
  record.software.environment = {{"NCCL_DEBUG", "WARN"}, {"NCCL_NVLS_ENABLE", ""}};
  record.topology = sample_topology(shape);
  record.rack_model = sample_rack_model(shape);
  record.notes = {"A sample: its figures are invented."};

  Noise noise;
  const std::vector<Recipe> recipes{
      {"gemm/bf16/m8192n8192k8192",
       "gemm",
       {{"type", std::string("bf16")}, {"m", 8192}, {"n", 8192}, {"k", 8192}},
       {1.0995e12, 402.65e6},
       kTflops,
       "bf16",
       1850},
      {"gemm/fp32/m4096n4096k4096",
       "gemm",
       {{"type", std::string("fp32")}, {"m", 4096}, {"n", 4096}, {"k", 4096}},
       {137.4e9, 201.3e6},
       kTflops,
       "fp32",
       52},
      {"attention/bf16/causal/b4h32s4096d128",
       "attention",
       {{"type", std::string("bf16")}, {"causal", true}},
       {549.8e9, 537e6},
       kTflops,
       "bf16",
       930},
      {"memory/copy/1GiB",
       "memory",
       {{"kind", std::string("copy")}},
       {0, 2147483648.0},
       kGbPerS,
       "",
       7100},
      {"memory/triad/1GiB",
       "memory",
       {{"kind", std::string("triad")}},
       {0, 3221225472.0},
       kGbPerS,
       "",
       7250}};
  for (const Recipe& recipe : recipes) {
    record.benchmarks.push_back(make_kernel(recipe, record, shape, noise));
  }
  for (const char* placement : {"in_place", "out_of_place"}) {
    for (std::uint64_t bytes = 8; bytes <= (std::uint64_t{1} << 33); bytes *= 32) {
      record.benchmarks.push_back(make_all_reduce(placement, bytes, record, shape));
    }
  }
  record.benchmarks.push_back(make_not_run());
  record.benchmarks.push_back(make_wrong(record, shape, noise));
  roll_up(record);
  return record;
}

}  // namespace rackproof::tests
