#include "collectives/collective.hpp"
#include "harness/cli/commands.hpp"
#include "harness/config/locations.hpp"
#include "harness/plan/suite.hpp"
#include "harness/topology/rack_facts.hpp"
#include "kernels/operation.hpp"

#include <fmt/format.h>

namespace rackproof::harness::cli {
namespace {

void list_operations() {
  fmt::print("Operations\n");
  for (const kernels::Operation* operation : kernels::operations()) {
    fmt::print("  {:<14} {}\n", operation->name(), operation->summary());
    for (const kernels::Variant& variant : operation->variants()) {
      fmt::print("    {:<12} compute capability {} to {}\n", variant.name,
                 to_string(variant.minimum_cc), to_string(variant.maximum_cc));
    }
  }
}

void list_collectives() {
  fmt::print("Collectives\n");
  for (const collectives::Collective& collective : collectives::collectives()) {
    fmt::print("  {:<14} {}\n", collective.name, collective.summary);
  }
}

void list_suites() {
  fmt::print("Suites\n");
  for (const std::filesystem::path& file : config::list_configs("suites")) {
    const plan::Suite suite = plan::read_suite(file);
    fmt::print("  {:<14} {}\n", file.stem().string(), suite.summary);
  }
}

void list_racks() {
  fmt::print("Racks\n");
  for (const std::filesystem::path& file : config::list_configs("racks")) {
    const topology::RackFacts facts = topology::read_rack_facts(file);
    fmt::print("  {:<14} {} trays x {} GPUs, {}, compute capability {}\n", facts.id, facts.nodes,
               facts.gpus_per_node, facts.gpu_name, to_string(facts.cc));
  }
}

}  // namespace

ExitCode list() {
  list_operations();
  list_collectives();
  list_suites();
  list_racks();
  return ExitCode::ok;
}

}  // namespace rackproof::harness::cli
