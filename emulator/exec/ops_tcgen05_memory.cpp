// tcgen05.alloc, dealloc, relinquish_alloc_permit: PTX ISA 9.0, section 9.7.16.7.
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/tensor_issue.hpp"
#include "emulator/exec/tensor_tracking.hpp"

#include <cstring>
#include <string>

namespace rackproof::emulator::exec {

const TensorInstruction& tensor_instruction(const Warp& warp, const Op& op) {
  return warp.kernel().tensor[static_cast<std::size_t>(op.immediate)];
}

TensorCore& tensor_core_for(Warp& warp, std::uint32_t cta_group, std::uint32_t lane) {
  Cta& cta = warp.cta();
  TensorCore& core = cta.tensor_core();
  if (cta_group == 0) {
    return core;
  }
  if (core.cta_group != 0 && core.cta_group != cta_group) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "an instruction with .cta_group::" + std::to_string(cta_group) +
                          " after one with .cta_group::" + std::to_string(core.cta_group) +
                          ": all of a kernel must have the same (PTX ISA 9.0, section 9.7.16.5)");
  }
  if (cta_group == 2 && cta.cluster_size() % 2 != 0) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      ".cta_group::2 needs a cluster with an even number of CTAs, this one has " +
                          std::to_string(cta.cluster_size()) + " (PTX ISA 9.0, section 9.7.16.5)");
  }
  core.cta_group = cta_group;
  return core;
}

TensorWarp& tensor_warp(Warp& warp) {
  TensorCore& core = warp.cta().tensor_core();
  core.warps.resize(warp.cta().warps());
  return core.warps[warp.index()];
}

tensor::TensorSides tensor_sides(Cta& cta, std::uint32_t cta_group) {
  const auto side = [](Cta& each) {
    return tensor::TensorSide{&each.tensor_core().memory, each.shared_at(each.shared_window()),
                              each.shared_base() - each.shared_window(),
                              each.shared_end() - each.shared_window()};
  };
  tensor::TensorSides result;
  result.count = cta_group;
  if (cta_group == 1) {
    result.side[0] = side(cta);
    return result;
  }
  const std::uint32_t even = cta.rank() & ~1U;
  result.side[0] = side(cta.cluster().cta(even));
  result.side[1] = side(cta.cluster().cta(even + 1));
  return result;
}

std::uint32_t uniform_word(const LaneContext& lanes, Ref row, std::uint32_t mask,
                           const char* what) {
  const auto* const words = register_row<std::uint32_t>(lanes, row);
  const std::uint32_t first = words[lowest_lane(mask)];
  for_each_lane(mask, [&](std::uint32_t lane) {
    if (words[lane] != first) {
      throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                        std::string(what) + " is not the same for all threads of the warp");
    }
  });
  return first;
}

namespace {

// True once the request is granted. With .cta_group::2 both CTAs of the pair have to ask.
bool try_allocate(Warp& warp, TensorCore& core, std::uint32_t cta_group) {
  Cta& cta = warp.cta();
  TensorRequest& own = *core.request;
  if (own.granted) {
    return true;
  }
  if (cta_group == 1) {
    own.granted = core.memory.allocate(own.columns);
    return own.granted.has_value();
  }
  TensorCore& peer = cta.cluster().cta(cta.rank() ^ 1U).tensor_core();
  if (!peer.request || peer.request->granted) {
    return false;
  }
  if (peer.request->columns != own.columns) {
    throw tensor::TensorMemoryError("tcgen05.alloc.cta_group::2 of " + std::to_string(own.columns) +
                                    " columns, while the other CTA of the pair asks for " +
                                    std::to_string(peer.request->columns) +
                                    " (PTX ISA 9.0, section 9.7.16.7)");
  }
  const auto address = core.memory.allocate(own.columns);
  if (!address) {
    return false;
  }
  if (peer.memory.allocate(own.columns) != address) {
    throw tensor::TensorMemoryError(
        "tcgen05.alloc.cta_group::2: the CTAs of the pair have different columns free, as they "
        "deallocated differently (PTX ISA 9.0, section 9.7.16.7)");
  }
  own.granted = address;
  peer.request->granted = address;
  return true;
}

}  // namespace

void tensor_allocate(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "tcgen05.alloc")) {
    return;
  }
  const std::uint32_t lane = lowest_lane(mask);
  const std::uint32_t cta_group = tensor_instruction(warp, op).cta_group;
  TensorCore& core = tensor_core_for(warp, cta_group, lane);
  const std::uint32_t columns = uniform_word(lanes, op.b, mask, "tcgen05.alloc: the column count");
  const bool granted = with_rules(lane, [&] {
    core.memory.check_request(columns);
    if (!core.request) {
      core.request = TensorRequest{columns, std::nullopt};
    }
    return try_allocate(warp, core, cta_group);
  });
  if (!granted) {
    warp.repeat();
    return;
  }
  const std::uint32_t address = *core.request->granted;
  core.request.reset();
  warp.cta().grid().changed = true;
  track_allocation(warp, address, columns);
  Op target = op;
  target.immediate = static_cast<std::int32_t>(op.d);
  Addresses addresses;
  const std::uint32_t writer = 1U << lane;
  lane_ops().addresses(warp, target, writer, sizeof address, addresses);
  if (static_cast<AddressKind>(op.space) == AddressKind::generic) {
    std::uint32_t same = 0;
    if (split_space(warp, AddressKind::generic, addresses, writer, sizeof address, same) !=
        AddressKind::shared) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "tcgen05.alloc: the result does not go to shared memory of the CTA");
    }
  }
  resolve(warp, target, AddressKind::shared, AccessType::write, sizeof address, writer, addresses);
  check_accesses(warp, target, AddressKind::shared, AccessType::write, sizeof address, writer,
                 addresses, &address, 0);
  std::memcpy(reinterpret_cast<void*>(addresses.value[lane]), &address, sizeof address);
  // The warp writes it as one: whichever lane hands it on.
  if (check::CtaChecker* const checker = warp.cta().checker()) {
    checker->warp_sync(warp.index());
  }
}

void tensor_deallocate(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "tcgen05.dealloc")) {
    return;
  }
  const std::uint32_t lane = lowest_lane(mask);
  TensorCore& core = tensor_core_for(warp, tensor_instruction(warp, op).cta_group, lane);
  const std::uint32_t address = uniform_word(lanes, op.a, mask, "tcgen05.dealloc: the address");
  const std::uint32_t columns = uniform_word(lanes, op.b, mask, "tcgen05.dealloc: the count");
  with_rules(lane, [&] { core.memory.release(address, columns); });
  track_deallocation(warp, lane, tensor::TensorAddress::from(address).column, columns);
  warp.cta().grid().changed = true;
}

void tensor_relinquish(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (whole_warp(warp, mask, "tcgen05.relinquish_alloc_permit")) {
    tensor_core_for(warp, tensor_instruction(warp, op).cta_group, lowest_lane(mask))
        .memory.relinquish();
  }
}

}  // namespace rackproof::emulator::exec
