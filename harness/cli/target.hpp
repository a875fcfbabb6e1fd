#pragma once
/// What a command line asks to run, resolved: the rack, the suite and, where it is known before the
/// ranks start, the plan.

#include "harness/cli/arguments.hpp"
#include "harness/plan/plan.hpp"
#include "harness/topology/rack_facts.hpp"

#include <optional>
#include <string>
#include <vector>

namespace rackproof::harness::cli {

/// Where the benchmarks run.
struct Machine {
  int ranks = 0;
  std::optional<topology::RackFacts> emulated;  ///< the rack that is emulated
  int trays = 1;                                ///< of the emulated rack
  bool is_default = false;                      ///< emulated because there is no GPU
};

/// The GPUs of this machine, or the emulated rack. Throws config::ConfigError (unknown rack, too
/// many trays, --trays with GPUs).
[[nodiscard]] Machine choose_machine(const Target& target);

/// The suite asked for, or the default: smoke on the emulator, acceptance on GPUs.
[[nodiscard]] plan::Suite choose_suite(const Target& target, bool is_emulated);

/// The plan for a topology with the filter applied.
[[nodiscard]] plan::Plan choose_plan(const Target& target, const plan::Suite& suite,
                                     const topology::Topology& topology);

/// All rack files of configs/racks; `first`, where given, comes first and wins in recognise().
[[nodiscard]] std::vector<topology::RackFacts> known_racks(
    const std::optional<std::string>& first = std::nullopt);

}  // namespace rackproof::harness::cli
