#include "harness/topology/discover.hpp"

#include "harness/config/error.hpp"
#include "harness/ranks/lockstep.hpp"
#include "harness/topology/assemble.hpp"
#include "harness/topology/codec.hpp"
#include "harness/topology/describe.hpp"

namespace rackproof::harness::topology {

namespace {

/// What only this rank can fail at, reported by all.
void do_together(collectives::Bootstrap& bootstrap, const collectives::Deadline& deadline,
                 const std::function<void()>& step) {
  if (const std::optional<std::string> failure = ranks::attempt(bootstrap, deadline, step)) {
    throw config::NotReady(*failure);
  }
}

}  // namespace

Discovery discover(collectives::Bootstrap& bootstrap, const collectives::Deadline& deadline) {
  Discovery discovery;
  try {
    discovery.nvml = load_nvml();
  } catch (const runtime::NotAvailable& error) {
    discovery.without_nvml = error.what();
  }

  RankDescription own;
  std::vector<std::string> uuids;
  do_together(bootstrap, deadline, [&] {
    own.node = describe_node(discovery.nvml.get());
    uuids = visible_gpu_uuids();
  });
  std::vector<RankCandidate> candidates;
  for (const auto& bytes : bootstrap.all_gather(encode(RankCandidate{own.node, uuids}), deadline)) {
    candidates.push_back(decode_candidate(bytes));
  }
  const std::vector<int> devices = assign_devices(candidates);

  do_together(bootstrap, deadline, [&] {
    own.gpu = describe_gpu(bootstrap.rank(), devices[static_cast<std::size_t>(bootstrap.rank())],
                           discovery.nvml.get(), discovery.without_nvml);
    if (discovery.nvml) {
      own.driver_version = discovery.nvml->driver_version().value_or("");
    }
  });
  std::vector<RankDescription> descriptions;
  for (const auto& bytes : bootstrap.all_gather(encode(own), deadline)) {
    descriptions.push_back(decode_description(bytes));
  }
  discovery.topology = assemble(descriptions);
  return discovery;
}

}  // namespace rackproof::harness::topology
