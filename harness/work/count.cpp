#include "harness/work/count.hpp"

#include "harness/config/error.hpp"
#include "harness/telemetry/work_counts.hpp"
#include "runtime/error.hpp"
#include "runtime/stream.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace rackproof::harness::work {
namespace {

/// Attention's instructions depend on the data a little, so the data are always the same.
constexpr std::uint64_t kSeed = 1;

record::WorkCounts counters() {
  const record::Reported<record::WorkCounts> total = telemetry::work_so_far();
  if (!total) {
    throw config::NotReady("no counts: " + total.reason() +
                           "; `rackproof work` needs the emulator");
  }
  return *total;
}

}  // namespace

Entry count(const plan::PlannedBenchmark& planned) {
  const auto& benchmark = std::get<plan::OperationBenchmark>(planned.what);
  if (planned.cannot_run) {
    throw std::runtime_error(planned.name + " cannot run: " + *planned.cannot_run);
  }
  const std::unique_ptr<kernels::Workload> workload = benchmark.operation->prepare(
      *benchmark.variant, *benchmark.problem, {.seed = kSeed, .rotate_beyond_bytes = 0});
  const runtime::Stream stream;
  const record::WorkCounts before = counters();
  const telemetry::BulkCounts bulk_before = telemetry::bulk_so_far();
  workload->launch(stream.get());
  RACKPROOF_CUDA(cudaStreamSynchronize(stream.get()));
  const record::WorkCounts after = counters();
  telemetry::BulkCounts bulk = telemetry::bulk_so_far();
  bulk.load_bytes -= bulk_before.load_bytes;
  bulk.store_bytes -= bulk_before.store_bytes;
  bulk.shared_bytes -= bulk_before.shared_bytes;
  const kernels::Verification verification = workload->verify(stream.get());
  if (!verification.passed) {
    throw WrongResult(fmt::format("{}: {} of {} elements wrong", planned.name,
                                  verification.wrong_elements, verification.checked_elements));
  }
  return {.name = planned.name,
          .variant = std::string(benchmark.variant->name),
          .minimum = benchmark.problem->work(),
          .counts = telemetry::work_between(before, after),
          .bulk = bulk,
          .resources = workload->resources()};
}

}  // namespace rackproof::harness::work
