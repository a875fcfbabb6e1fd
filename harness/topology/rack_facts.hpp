#pragma once
/// The part of configs/racks/*.json that the suite compares measurements with: datasheet peaks.

#include "kernels/operation.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::topology {

/// Datasheet figures of one rack model; every figure names its source in the file.
struct RackFacts {
  std::string id;        ///< "gb300-nvl72"
  std::string gpu_name;  ///< "NVIDIA GB300", as the driver says it
  std::filesystem::path file;
  int nodes = 0;
  int gpus_per_node = 0;
  kernels::ComputeCapability cc;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t l2_bytes = 0;
  std::uint64_t shared_memory_per_block_bytes = 0;          ///< opt-in limit
  int nvlink_domain_gpus = 0;                               ///< a rack's GPUs, or one node's
  std::map<std::string, double, std::less<>> dense_tflops;  ///< by number format: "bf16"
  double memory_gb_per_s = 0;
  double nvlink_gb_per_s = 0;  ///< payload per GPU and direction
  std::string source;          ///< where dense_tflops comes from
  std::string memory_source;   ///< where memory_gb_per_s comes from
  std::string nvlink_source;   ///< where nvlink_gb_per_s comes from

  /// Peak of `format` in TFLOP/s, or nothing where the rack file has none.
  [[nodiscard]] std::optional<double> peak_tflops(std::string_view format) const;
};

/// Reads configs/racks/*.json. Throws config::ConfigError naming file and JSON pointer.
[[nodiscard]] RackFacts read_rack_facts(const std::filesystem::path& file);

/// The facts of the rack model that has GPUs of this name (" (emulated)" is ignored) and this many
/// in a node; nullptr if none of `candidates` does.
[[nodiscard]] const RackFacts* recognise(const std::vector<RackFacts>& candidates,
                                         std::string_view gpu_name, int gpus_per_node);

}  // namespace rackproof::harness::topology
