#include "emulator/exec/cluster_slot.hpp"

namespace rackproof::emulator::exec {

void ClusterSlot::run(GridContext& context, std::uint64_t clock, std::uint64_t quantum) noexcept {
  executed = 0;
  finished_one = false;
  try {
    while (executed < quantum) {
      if (cluster == nullptr) {
        if (waiting.empty()) {
          return;
        }
        cluster = std::make_unique<Cluster>(context, waiting.back());
        waiting.pop_back();
      }
      executed += cluster->run(context, clock + executed, quantum - executed, false);
      if (!cluster->finished()) {
        return;
      }
      cluster->finish();
      cluster.reset();
      finished_one = true;
    }
  } catch (const FaultRaised& raised) {
    fault = raised;
  } catch (...) {
    error = std::current_exception();
  }
}

}  // namespace rackproof::emulator::exec
