#pragma once
/// The plan: every benchmark that a suite asks for on this topology, with its size and the reason.

#include "harness/plan/statistics.hpp"
#include "harness/plan/suite.hpp"
#include "harness/topology/topology.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace rackproof::harness::plan {

/// One operation on one problem; every rank runs it on its own GPU at the same time.
struct OperationBenchmark {
  const kernels::Operation* operation = nullptr;
  std::shared_ptr<const kernels::Problem> problem;
  const kernels::Variant* variant = nullptr;  ///< null when it cannot run
};

/// Which ranks form one communicator.
enum class CommunicatorScope : std::uint8_t { node, rack, all };
[[nodiscard]] std::string_view to_string(CommunicatorScope scope);  ///< "node", "rack", "all"

/// One collective on one message size; all ranks of a communicator take part.
struct CollectiveBenchmark {
  std::string collective;   ///< "all_reduce"
  std::string type;         ///< "bfloat16"
  std::string reduction;    ///< "sum"
  std::string placement;    ///< "in_place"
  std::uint64_t bytes = 0;  ///< message size as the collective defines it
  CommunicatorScope scope = CommunicatorScope::all;
};

struct PlannedBenchmark {
  std::string name;    ///< unique: "gemm/bf16/m8192n8192k8192", "all_reduce/all/bfloat16/sum/..."
  std::string reason;  ///< why it has this size
  std::string source;  ///< place in the suite file: "configs/suites/smoke.json#/operations/0"
  std::variant<OperationBenchmark, CollectiveBenchmark> what;
  std::optional<std::string> cannot_run;  ///< why, where that is known before trying

  [[nodiscard]] bool is_collective() const { return what.index() == 1; }
  [[nodiscard]] std::string operation() const;  ///< "gemm", "all_reduce"
};

struct Plan {
  std::string suite;  ///< name in the suite file
  Statistics statistics;
  std::vector<PlannedBenchmark> benchmarks;  ///< in the order of the suite file
  std::vector<std::string> notes;            ///< what was decided beyond the suite, for the record
};

/// Beyond this many emulated ranks per core a plan is made cheaper.
inline constexpr double kManyRanksPerCore = 8;
/// One sample and no warm-up where emulated ranks share cores, 18 trays on a workstation: the
/// emulator's clock is deterministic, so that more samples tell nothing. Notes it in the plan.
/// Sizes stay; what runs is verified and counted as ever.
void spare_shared_cores(Plan& plan, double ranks_per_core);

/// Deterministic: all ranks of a topology make the same plan. Problems that several entries lead to
/// are planned once. Throws config::ConfigError for parameters that an operation refuses.
[[nodiscard]] Plan make_plan(const Suite& suite, const topology::Topology& topology);

/// Keeps the benchmarks whose name matches the regular expression (ECMAScript, anywhere in the
/// name). Throws config::ConfigError for a malformed one.
void keep_matching(Plan& plan, const std::string& regex);

}  // namespace rackproof::harness::plan
