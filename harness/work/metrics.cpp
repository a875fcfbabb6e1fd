#include "harness/work/metrics.hpp"

#include <fmt/format.h>

namespace rackproof::harness::work {
namespace {

using record::WorkCounts;

template <auto Member>
double count(const Entry& entry) {
  return static_cast<double>(entry.counts.*Member);
}

template <auto Member>
double bulk(const Entry& entry) {
  return static_cast<double>(entry.bulk.*Member);
}

template <auto Member>
double resource(const Entry& entry) {
  return static_cast<double>(entry.resources.*Member);
}

}  // namespace

const std::vector<Metric>& metrics() {
  using kernels::KernelResources;
  static const std::vector<Metric> kMetrics{
      {"kernels", &count<&WorkCounts::kernels>},
      {"warp_instructions", &count<&WorkCounts::warp_instructions>},
      {"matrix_instructions", &count<&WorkCounts::matrix_instructions>},
      {"tensor_flops", &count<&WorkCounts::tensor_flops>},
      {"fp32_flops", &count<&WorkCounts::fp32_flops>},
      {"unique_global_bytes", &count<&WorkCounts::unique_global_bytes>},
      {"global_load_bytes", &count<&WorkCounts::global_load_bytes>},
      {"global_store_bytes", &count<&WorkCounts::global_store_bytes>},
      {"global_requests", &count<&WorkCounts::global_requests>},
      {"global_sectors", &count<&WorkCounts::global_sectors>},
      {"excess_sectors",
       [](const Entry& entry) { return static_cast<double>(excess_sectors(entry.counts)); }},
      {"shared_requests", &count<&WorkCounts::shared_requests>},
      {"shared_wavefronts", &count<&WorkCounts::shared_wavefronts>},
      {"bank_conflicts",
       [](const Entry& entry) { return static_cast<double>(bank_conflicts(entry.counts)); }},
      {"barrier_waits", &count<&WorkCounts::barrier_waits>},
      {"bulk_load_bytes", &bulk<&telemetry::BulkCounts::load_bytes>},
      {"bulk_store_bytes", &bulk<&telemetry::BulkCounts::store_bytes>},
      {"bulk_shared_bytes", &bulk<&telemetry::BulkCounts::shared_bytes>},
      {"registers_per_thread", &resource<&KernelResources::registers_per_thread>},
      {"spill_bytes_per_thread", &resource<&KernelResources::spill_bytes_per_thread>},
      {"shared_bytes_per_block", &resource<&KernelResources::shared_bytes_per_block>},
  };
  return kMetrics;
}

std::uint64_t excess_sectors(const WorkCounts& counts) {
  return counts.global_sectors - counts.global_sectors_minimum;
}

std::uint64_t bank_conflicts(const WorkCounts& counts) {
  return counts.shared_wavefronts - counts.shared_wavefronts_minimum;
}

std::vector<BrokenRule> broken_rules(const Entry& entry) {
  std::vector<BrokenRule> broken;
  if (entry.resources.spill_bytes_per_thread != 0) {
    broken.push_back(
        {"spill_bytes_per_thread", fmt::format("{} bytes of registers of each thread are spilled",
                                               entry.resources.spill_bytes_per_thread)});
  }
  if (const std::uint64_t conflicts = bank_conflicts(entry.counts); conflicts != 0) {
    broken.push_back(
        {"bank_conflicts", fmt::format("{} bank conflicts in {} passes over shared memory",
                                       conflicts, entry.counts.shared_wavefronts)});
  }
  if (const std::uint64_t excess = excess_sectors(entry.counts); excess != 0) {
    broken.push_back(
        {"excess_sectors", fmt::format("{} of {} sectors hold nothing that their request needs",
                                       excess, entry.counts.global_sectors)});
  }
  return broken;
}

}  // namespace rackproof::harness::work
