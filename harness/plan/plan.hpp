#pragma once
/// The plan: every benchmark that a suite asks for on this topology, with its size and the reason.

#include "harness/plan/statistics.hpp"
#include "harness/topology/topology.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rackproof::harness::plan {

/// One operation on one problem; every rank runs it on its own GPU at the same time.
struct OperationBenchmark {
  const kernels::Operation* operation = nullptr;
  std::shared_ptr<const kernels::Problem> problem;
};

/// Which ranks form one communicator.
enum class CommunicatorScope : std::uint8_t { node, rack, all };
[[nodiscard]] std::string_view to_string(CommunicatorScope scope);  ///< "node", "rack", "all"

/// One collective on one message size; all ranks of a communicator take part.
struct CollectiveBenchmark {
  std::string collective;  ///< "all_reduce"
  std::string type;        ///< "bf16"
  std::string reduction;   ///< "sum"
  bool in_place = false;
  std::uint64_t bytes = 0;  ///< per rank
  CommunicatorScope scope = CommunicatorScope::all;
};

struct PlannedBenchmark {
  std::string name;    ///< unique: "gemm/bf16/m8192n8192k8192", "all_reduce/bf16/sum/in_place/8B"
  std::string reason;  ///< why it has this size
  std::string source;  ///< place in the suite file: "configs/suites/smoke.json#/operations/0"
  std::variant<OperationBenchmark, CollectiveBenchmark> what;

  [[nodiscard]] bool is_collective() const { return what.index() == 1; }
};

struct Plan {
  std::string suite;  ///< name in the suite file
  Statistics statistics;
  std::vector<PlannedBenchmark> benchmarks;  ///< in the order of the suite file
};

}  // namespace rackproof::harness::plan
