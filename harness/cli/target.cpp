#include "harness/cli/target.hpp"

#include "harness/cli/emulate.hpp"
#include "harness/config/error.hpp"
#include "harness/config/locations.hpp"
#include "harness/topology/describe.hpp"
#include "harness/topology/hypothetical.hpp"

namespace rackproof::harness::cli {

Machine choose_machine(const Target& target) {
  Machine machine;
  const int devices = target.emulate ? 0 : topology::visible_devices();
  if (devices > 0) {
    if (target.trays) {
      throw config::ConfigError("--trays",
                                "is for an emulated rack and there are GPUs here; add --emulate "
                                "RACK, or leave it out");
    }
    machine.ranks = devices;
    return machine;
  }
  machine.is_default = !target.emulate;
  machine.trays = target.trays.value_or(1);
  machine.emulated = topology::read_rack_facts(
      config::find_config("racks", target.emulate.value_or(kDefaultEmulatedRack)));
  if (machine.trays > machine.emulated->nodes) {
    throw config::ConfigError("--trays", machine.emulated->id + " has 1 to " +
                                             std::to_string(machine.emulated->nodes) +
                                             " trays, found " + std::to_string(machine.trays));
  }
  machine.ranks = machine.trays * machine.emulated->gpus_per_node;
  return machine;
}

plan::Suite choose_suite(const Target& target, bool is_emulated) {
  return plan::read_suite(
      config::find_config("suites", target.suite.value_or(is_emulated ? "smoke" : "acceptance")));
}

plan::Plan choose_plan(const Target& target, const plan::Suite& suite,
                       const topology::Topology& topology) {
  plan::Plan plan = plan::make_plan(suite, topology);
  if (target.filter) {
    plan::keep_matching(plan, *target.filter);
  }
  return plan;
}

std::vector<topology::RackFacts> known_racks(const std::optional<std::string>& first) {
  std::vector<topology::RackFacts> racks;
  if (first) {
    racks.push_back(topology::read_rack_facts(config::find_config("racks", *first)));
  }
  for (const std::filesystem::path& file : config::list_configs("racks")) {
    racks.push_back(topology::read_rack_facts(file));
  }
  return racks;
}

}  // namespace rackproof::harness::cli
