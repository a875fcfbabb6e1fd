#include "harness/topology/rack_facts.hpp"

#include "harness/config/json_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace rackproof::harness::topology {
namespace {

constexpr std::int64_t kLargest = 1'000'000'000;
constexpr double kBytesPerMib = 1024.0 * 1024.0;

kernels::ComputeCapability read_cc(config::ObjectReader& gpu) {
  const std::string text = gpu.text("compute_capability");
  kernels::ComputeCapability cc;
  const char* end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, cc.major);
  if (major.ec == std::errc{} && major.ptr != end && *major.ptr == '.') {
    const auto minor = std::from_chars(major.ptr + 1, end, cc.minor);
    if (minor.ec == std::errc{} && minor.ptr == end) {
      return cc;
    }
  }
  gpu.fail("compute_capability", "must look like \"10.3\", found \"" + text + "\"");
}

int read_count(config::ObjectReader& object, std::string_view key) {
  return static_cast<int>(object.integer(key, 1, kLargest));
}

std::uint64_t read_bytes(config::ObjectReader& object, std::string_view key, double unit_bytes) {
  return static_cast<std::uint64_t>(
      std::llround(object.number(key, 0, static_cast<double>(kLargest)) * unit_bytes));
}

/// The source of the pointer itself or of its nearest parent that has one.
std::string source_of(config::ObjectReader& sources, std::string pointer) {
  while (!pointer.empty() && !sources.has(pointer)) {
    pointer.erase(pointer.rfind('/'));
  }
  if (pointer.empty()) {
    return "";
  }
  config::ObjectReader entry = sources.object(pointer);
  return entry.text("source");
}

void read_gpu(config::ObjectReader gpu, RackFacts& facts) {
  facts.gpu_name = gpu.text("name");
  facts.cc = read_cc(gpu);
  facts.multiprocessors = read_count(gpu, "multiprocessors");
  facts.memory_bytes = read_bytes(gpu, "memory_mib", kBytesPerMib);
  facts.l2_bytes = read_bytes(gpu, "l2_mib", kBytesPerMib);
  facts.shared_memory_per_block_bytes = read_bytes(gpu, "shared_kib_per_block_optin", 1024.0);
  facts.memory_gb_per_s = 1000.0 * gpu.number("memory_bandwidth_tb_per_s", 1e-6, 1e6);
  config::ObjectReader peaks = gpu.object("peak_tflops");
  for (const auto& [format, tflops] : peaks.numbers_or_null(0)) {
    if (tflops) {
      facts.dense_tflops[format] = *tflops;
    }
  }
  gpu.ignore({"max_sm_clock_mhz", "peak_sm_clock_mhz", "memory_clock_mhz", "memory_bus_bits",
              "shared_kib_per_sm", "registers_per_sm", "max_threads_per_sm", "max_blocks_per_sm",
              "tmem_kib_per_sm", "tdp_w", "ex2_tera_per_s", "per_sm_clk"});
  gpu.finish();
}

}  // namespace

std::optional<double> RackFacts::peak_tflops(std::string_view format) const {
  const auto found = dense_tflops.find(format);
  return found == dense_tflops.end() ? std::nullopt : std::optional(found->second);
}

RackFacts read_rack_facts(const std::filesystem::path& file) {
  config::ObjectReader document = config::read_object(file);
  RackFacts facts;
  facts.file = file;
  document.ignore({"$schema", "name", "node", "null_reasons"});
  document.expect("schema_version", "1.0");
  facts.id = document.text("id");

  config::ObjectReader rack = document.object("rack");
  facts.nodes = read_count(rack, "trays");
  facts.gpus_per_node = read_count(rack, "gpus_per_tray");
  facts.nvlink_domain_gpus = read_count(rack, "nvlink_domain_gpus");
  rack.ignore({"trays_reason", "nvlink_domain", "max_power_kw"});
  rack.finish();

  read_gpu(document.object("gpu"), facts);

  config::ObjectReader nvlink = document.object("nvlink");
  facts.nvlink_gb_per_s = static_cast<double>(nvlink.integer("links", 0, 1024)) *
                          nvlink.number("gb_per_s_per_link_per_direction", 0, 1e6);
  nvlink.ignore({"generation", "raw_mb_per_s_per_link", "fabric"});
  nvlink.finish();

  config::ObjectReader sources = document.object("sources");
  facts.source = source_of(sources, "/gpu/peak_tflops");
  facts.memory_source = source_of(sources, "/gpu/memory_bandwidth_tb_per_s");
  facts.nvlink_source = source_of(sources, "/nvlink/gb_per_s_per_link_per_direction");
  document.finish();
  return facts;
}

const RackFacts* recognise(const std::vector<RackFacts>& candidates, std::string_view gpu_name,
                           int gpus_per_node) {
  constexpr std::string_view kSuffix = " (emulated)";
  if (gpu_name.ends_with(kSuffix)) {
    gpu_name.remove_suffix(kSuffix.size());
  }
  // The same GPU is sold in several racks; fewer GPUs than a full node are still that node's kind.
  const RackFacts* best = nullptr;
  for (const RackFacts& facts : candidates) {
    if (facts.gpu_name == gpu_name && facts.gpus_per_node >= gpus_per_node &&
        (best == nullptr || facts.gpus_per_node < best->gpus_per_node)) {
      best = &facts;
    }
  }
  return best;
}

}  // namespace rackproof::harness::topology
