#pragma once
/// A suite file: what to run, by rules that a topology turns into sizes.
/// Its form is configs/schema/suite.schema.json.

#include "harness/plan/statistics.hpp"
#include "kernels/params.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::harness::plan {

/// "Run this operation": the operation itself reads the parameters.
struct OperationRequest {
  std::string operation;
  kernels::ParamMap params;
  std::string place;  ///< "smoke.json#/operations/0/params"
};

/// "Run this collective": every combination of the lists, over a geometric range of sizes.
struct CollectiveRequest {
  std::string collective;
  std::vector<std::string> types;
  std::vector<std::string> reductions;
  std::vector<std::string> placements;
  std::vector<std::string> scopes;
  std::uint64_t min_bytes = 8;
  std::optional<std::uint64_t> max_bytes;
  /// Largest message as a share of device memory (all buffers of the message together).
  std::optional<double> max_memory_share;
  std::int64_t factor = 2;  ///< between successive sizes
  std::string place;
};

struct Suite {
  std::string name;
  std::string summary;
  Statistics statistics;
  std::vector<OperationRequest> operations;
  std::vector<CollectiveRequest> collectives;
};

/// Throws config::ConfigError naming file, JSON pointer and what is allowed.
[[nodiscard]] Suite read_suite(const std::filesystem::path& file);

}  // namespace rackproof::harness::plan
