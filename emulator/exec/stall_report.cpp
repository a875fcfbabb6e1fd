#include "emulator/exec/stall_report.hpp"

#include "emulator/async/mbarrier.hpp"
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace rackproof::emulator::exec {
namespace {

std::uint32_t polling_lanes(const Warp& warp) {
  return warp.polls() == nullptr ? 0 : warp.polls()->turned() & warp.live();
}

const Warp* find_poller(Cta& cta) {
  for (std::uint32_t index = 0; index < cta.warps(); ++index) {
    if (polling_lanes(cta.warp(index)) != 0) {
      return &cta.warp(index);
    }
  }
  return nullptr;
}

std::string describe_poll(const GridContext& grid, const Cta& cta, const PollLog::Read& read) {
  if (read.bytes == 0) {
    return "goes round and round without a look at memory";
  }
  std::uint64_t value = 0;
  std::memcpy(&value, reinterpret_cast<const void*>(read.address),
              std::min<std::size_t>(read.bytes, sizeof value));
  std::string text = "polls " + std::to_string(read.bytes) + " bytes at ";
  text += read.space == AddressKind::shared
              ? "shared address " + hex(read.address - cta.shared_bias())
              : hex(read.address) + " (" + grid.describe_address(read.address) + ")";
  if (grid.kernel->code[read.pc].handler == mbarrier_test) {
    const async::Mbarrier barrier(value);
    return text + ", an mbarrier in a phase of parity " + (barrier.parity() ? "1" : "0") +
           " that waits for " + std::to_string(barrier.pending()) + " arrivals and " +
           std::to_string(barrier.transactions()) + " bytes";
  }
  return text + (read.bytes <= sizeof value ? ", which hold " + hex(value) : "") +
         ", and nobody is left to change them";
}

std::vector<Cta*> in_order(std::span<const ClusterSlot> slots) {
  std::vector<Cta*> ctas;
  for (const ClusterSlot& slot : slots) {
    for (std::uint32_t rank = 0; rank < slot.cluster->size(); ++rank) {
      ctas.push_back(&slot.cluster->cta(rank));
    }
  }
  std::sort(ctas.begin(), ctas.end(),
            [](const Cta* x, const Cta* y) { return x->linear_index() < y->linear_index(); });
  return ctas;
}

}  // namespace

std::string describe_stall(const GridContext& grid, std::span<const ClusterSlot> slots) {
  const std::vector<Cta*> ctas = in_order(slots);
  const auto polling = std::count_if(ctas.begin(), ctas.end(),
                                     [](Cta* cta) { return find_poller(*cta) != nullptr; });
  std::string text = "kernel '" + readable_name(grid.kernel->name) + "'";
  const auto named =
      std::find_if(ctas.begin(), ctas.end(), [](Cta* cta) { return find_poller(*cta) != nullptr; });
  if (named == ctas.end()) {
    const auto first =
        std::find_if(ctas.begin(), ctas.end(), [](Cta* cta) { return !cta->finished(); });
    return text + ": deadlock: nothing can progress; waiting are " +
           (first == ctas.end() ? "" : (*first)->describe_waiting());
  }
  Cta& cta = **named;
  const Warp& warp = *find_poller(cta);
  const std::uint32_t lane = lowest_lane(polling_lanes(warp));
  const PollLog::Read& read = warp.polls()->last_read(lane);
  const std::uint32_t pc = read.bytes != 0 ? read.pc : warp.groups().front().pc;
  text += ", " + describe_instruction(grid, pc) + ", CTA " + position(cta.id()) + ", thread " +
          thread_position(grid, warp, lane) + ": deadlock: nothing can progress; it " +
          describe_poll(grid, cta, read);
  if (polling > 1) {
    text += "; " + std::to_string(polling - 1) + " more CTAs poll";
  }
  const std::string waiting = cta.describe_waiting();
  return text + (waiting.empty() ? "" : "; waiting are " + waiting);
}

}  // namespace rackproof::emulator::exec
