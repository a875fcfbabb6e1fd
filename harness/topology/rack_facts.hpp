#pragma once
/// The part of configs/racks/*.json that the suite compares measurements with: datasheet peaks.

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
  std::map<std::string, double, std::less<>> dense_tflops;  ///< by number format: "bf16"
  double memory_gb_per_s = 0;
  double nvlink_gb_per_s = 0;  ///< payload per GPU and direction
  std::string source;          ///< where the peaks come from

  /// Peak of `format` in TFLOP/s, or nothing where the rack file has none.
  [[nodiscard]] std::optional<double> peak_tflops(std::string_view format) const;
};

}  // namespace rackproof::harness::topology
