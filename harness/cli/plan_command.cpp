#include "harness/cli/commands.hpp"
#include "harness/cli/emulate.hpp"
#include "harness/cli/target.hpp"
#include "harness/config/locations.hpp"
#include "harness/topology/describe.hpp"
#include "harness/topology/hypothetical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <thread>

namespace rackproof::harness::cli {
namespace {

/// The GPUs of this process's machine, one rank each.
topology::Topology describe_this_machine(int gpus) {
  std::unique_ptr<topology::Nvml> nvml;
  std::string without_nvml;
  try {
    nvml = topology::load_nvml();
  } catch (const runtime::NotAvailable& error) {
    without_nvml = error.what();
  }
  std::vector<topology::RankDescription> ranks;
  for (int device = 0; device < gpus; ++device) {
    ranks.push_back({topology::describe_node(nvml.get()),
                     topology::describe_gpu(device, device, nvml.get(), without_nvml),
                     nvml ? nvml->driver_version().value_or("") : ""});
  }
  return topology::assemble(ranks);
}

void print(const plan::Plan& plan, const topology::Topology& topology) {
  const kernels::SizingContext context = topology::sizing_context(topology);
  fmt::print("Suite {} on {} GPUs ({} a node), {} SMs each, compute capability {}\n", plan.suite,
             context.gpus, context.gpus_per_node, context.multiprocessors, to_string(context.cc));
  std::size_t width = 0;
  for (const plan::PlannedBenchmark& benchmark : plan.benchmarks) {
    width = std::max(width, benchmark.name.size());
  }
  std::size_t cannot_run = 0;
  for (const plan::PlannedBenchmark& benchmark : plan.benchmarks) {
    fmt::print("  {:<{}}  {}\n", benchmark.name, width, benchmark.reason);
    if (benchmark.cannot_run) {
      fmt::print("  {:<{}}  cannot run: {}\n", "", width, *benchmark.cannot_run);
      ++cannot_run;
    }
  }
  for (const std::string& note : plan.notes) {
    fmt::print("note: {}\n", note);
  }
  fmt::print("{} benchmarks planned, {} of them cannot run here\n", plan.benchmarks.size(),
             cannot_run);
}

}  // namespace

ExitCode plan(const PlanCommand& command) {
  const Machine machine = choose_machine(command.target);
  const plan::Suite suite = choose_suite(command.target, machine.emulated.has_value());
  if (command.target.emulate && has_emulator()) {
    check_emulated_rack(config::find_config("racks", *command.target.emulate));
  }
  if (machine.is_default) {
    fmt::print(stderr, "rackproof: no GPU here: planning for {}\n", machine.emulated->id);
  }
  const topology::Topology topology = machine.emulated
                                          ? topology::hypothetical(*machine.emulated, machine.trays)
                                          : describe_this_machine(machine.ranks);
  plan::Plan plan = choose_plan(command.target, suite, topology);
  if (machine.emulated && has_emulator()) {
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    plan::spare_shared_cores(plan, static_cast<double>(machine.ranks) / cores);
  }
  print(plan, topology);
  return plan.benchmarks.empty() ? ExitCode::nothing_ran : ExitCode::ok;
}

}  // namespace rackproof::harness::cli
