#include "harness/cli/commands.hpp"
#include "harness/cli/emulate.hpp"
#include "harness/cli/journal.hpp"
#include "harness/cli/launch.hpp"
#include "harness/cli/rank_run.hpp"
#include "harness/cli/target.hpp"
#include "harness/config/error.hpp"
#include "harness/config/locations.hpp"
#include "harness/gbench/flags.hpp"
#include "harness/measure/plant.hpp"
#include "harness/topology/hypothetical.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <thread>
#include <unistd.h>

namespace rackproof::harness::cli {
namespace {

/// The tray of an emulated rack that a rank sits on. Throws config::ConfigError beyond the rack.
int tray_of(const LauncherRank& launcher, const topology::RackFacts& facts) {
  const int tray = launcher.rank / facts.gpus_per_node;
  if (tray >= facts.nodes) {
    throw config::ConfigError(
        "--emulate", facts.id + " has " + std::to_string(facts.nodes * facts.gpus_per_node) +
                         " GPUs, there are " + std::to_string(launcher.size) + " ranks");
  }
  return tray;
}

/// A rank of an emulated rack becomes one before MPI and CUDA start.
ExitCode join(const RunCommand& command, const Arguments& arguments, const LauncherRank& launcher,
              int argc, char** argv) {
  if (command.target.emulate && !is_emulated_process()) {
    const std::filesystem::path file = config::find_config("racks", *command.target.emulate);
    become_emulated(file, tray_of(launcher, topology::read_rack_facts(file)), argv);
  }
  return run_as_rank(command, arguments, argc, argv);
}

/// Whether a filter leaves anything, as far as that can be known before the ranks start.
bool plans_anything(const RunCommand& command, const Machine& machine, const plan::Suite& suite) {
  if (!machine.emulated) {
    return true;
  }
  const plan::Plan plan =
      choose_plan(command.target, suite, topology::hypothetical(*machine.emulated, machine.trays));
  return !plan.benchmarks.empty();
}

/// What the ranks' end means, once they have all ended.
ExitCode conclude(const LaunchResult& result, const ResultsDirectory& results) {
  if (!result.has_started) {
    throw config::NotReady("mpirun could not start the ranks (its exit code " +
                           std::to_string(result.mpirun_status) + "); its message is above");
  }
  if (!result.exit_code) {
    const std::string reason = "a rank ended before the run did (mpirun's exit code " +
                               std::to_string(result.mpirun_status) + ")";
    fmt::print(stderr, "rackproof: error: {}\n", reason);
    if (results.has_partial()) {
      complete_partial(results, reason);
      fmt::print("partial results: {}\n", results.final_path().string());
    }
    return ExitCode::incomplete;
  }
  return static_cast<ExitCode>(*result.exit_code);
}

ExitCode start_ranks(const Arguments& arguments, const Machine& machine,
                     const ResultsDirectory& results) {
  std::vector<std::string> words = arguments.words;
  if (machine.is_default) {
    // The ranks need not find out again, and the record shows what was run.
    words.insert(words.begin() + 1, {"--emulate", machine.emulated->id});
  }
  const bool shares_cores = machine.ranks > static_cast<int>(std::thread::hardware_concurrency());
  const LaunchResult result = launch(mpirun_command(config::executable_path().string(), words,
                                                    machine.ranks, shares_cores, geteuid() == 0),
                                     results.final_path());
  return conclude(result, results);
}

}  // namespace

ExitCode run(const RunCommand& command, const Arguments& arguments, int argc, char** argv) {
  // Everything that can be wrong with what was asked for is found before anything is created.
  gbench::check_flags(command.benchmark_flags);
  if (command.plant) {
    static_cast<void>(measure::Plant::parse(*command.plant));
  }
  if (const std::optional<LauncherRank> launcher = launcher_rank()) {
    return join(command, arguments, *launcher, argc, argv);
  }
  const Machine machine = choose_machine(command.target);
  const plan::Suite suite = choose_suite(command.target, machine.emulated.has_value());
  if (machine.emulated) {
    require_emulator();
    check_emulated_rack(
        config::find_config("racks", command.target.emulate.value_or(kDefaultEmulatedRack)));
  }
  if (!plans_anything(command, machine, suite)) {
    fmt::print(stderr,
               "rackproof: nothing to run: no benchmark of suite {} matches the filter; rackproof "
               "plan lists them\n",
               suite.name);
    return ExitCode::nothing_ran;
  }
  const ResultsDirectory results(choose_results_path(command.out, suite.name));
  if (machine.is_default) {
    fmt::print("No GPU here: emulating {} of {} (figures are modelled)\n",
               machine.trays == 1 ? "one tray" : std::to_string(machine.trays) + " trays",
               machine.emulated->id);
    std::fflush(stdout);
  }
  if (machine.ranks == 1 && !machine.emulated) {
    return run_as_rank(command, arguments, argc, argv);
  }
  return start_ranks(arguments, machine, results);
}

}  // namespace rackproof::harness::cli
