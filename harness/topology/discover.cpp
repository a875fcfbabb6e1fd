#include "harness/topology/discover.hpp"

#include "harness/topology/assemble.hpp"
#include "harness/topology/codec.hpp"
#include "harness/topology/describe.hpp"

namespace rackproof::harness::topology {

Discovery discover(collectives::Bootstrap& bootstrap, const collectives::Deadline& deadline) {
  Discovery discovery;
  std::string without_nvml;
  try {
    discovery.nvml = load_nvml();
  } catch (const runtime::NotAvailable& error) {
    without_nvml = error.what();
  }

  RankDescription own;
  own.node = describe_node(discovery.nvml.get());
  std::vector<RankCandidate> candidates;
  for (const auto& bytes :
       bootstrap.all_gather(encode(RankCandidate{own.node, visible_gpu_uuids()}), deadline)) {
    candidates.push_back(decode_candidate(bytes));
  }
  const std::vector<int> devices = assign_devices(candidates);

  own.gpu = describe_gpu(bootstrap.rank(), devices[static_cast<std::size_t>(bootstrap.rank())],
                         discovery.nvml.get(), without_nvml);
  if (discovery.nvml) {
    own.driver_version = discovery.nvml->driver_version().value_or("");
  }
  std::vector<RankDescription> ranks;
  for (const auto& bytes : bootstrap.all_gather(encode(own), deadline)) {
    ranks.push_back(decode_description(bytes));
  }
  discovery.topology = assemble(ranks);
  if (!without_nvml.empty()) {
    discovery.topology.notes.push_back(without_nvml);
  }
  return discovery;
}

}  // namespace rackproof::harness::topology
