#include "emulator/api_nccl/duration_model.hpp"

#include "emulator/api_nccl/element.hpp"

#include <bit>

namespace rackproof::emulator::api_nccl {

double modelled_duration_s(const Call& call, const engine::FabricModel& fabric,
                           bool crosses_domains) {
  if (call.ranks == 1) {
    // A copy within the device: every byte is read once and written once.
    const double bytes =
        static_cast<double>(call.count) * static_cast<double>(element_bytes(call.type));
    return kBaseLatency_s + 2 * bytes / fabric.memory_bandwidth_bytes_per_s;
  }
  // ceil(log2 n)
  const auto depth = static_cast<double>(std::bit_width(static_cast<unsigned>(call.ranks - 1)));
  const double rate = crosses_domains ? fabric.host_link_bytes_per_s
                                      : fabric.nvlink_links * fabric.nvlink_bytes_per_s_per_link;
  const Exchange& shape = exchange(call.kind);
  return kBaseLatency_s + shape.sweeps * depth * kHopLatency_s +
         shape.link_bytes(call) / (rate * kLinkEfficiency);
}

}  // namespace rackproof::emulator::api_nccl
