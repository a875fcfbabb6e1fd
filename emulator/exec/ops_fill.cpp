// st.bulk: PTX ISA 9.0, section 9.7.9.14.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kUnitBytes = 8;  // address and size are multiples

void fill_lane(Warp& warp, const Op& op, std::uint32_t lane, std::uint64_t bytes) {
  const std::uint32_t active = 1U << lane;
  Addresses start;
  lane_ops().addresses(warp, op, active, kUnitBytes, start);
  if (static_cast<AddressKind>(op.space) == AddressKind::generic) {
    std::uint32_t same = 0;
    if (split_space(warp, AddressKind::generic, start, active, kUnitBytes, same) !=
        AddressKind::shared) {
      throw FaultRaised(Fault::Kind::illegal_address, lane,
                        "st.bulk: the address is not in the CTA's shared memory (PTX ISA 9.0, "
                        "section 9.7.9.14)");
    }
  }
  const std::uint64_t first = start.value[lane];
  constexpr std::uint64_t kZero = 0;
  for (std::uint64_t offset = 0; offset < bytes; offset += kUnitBytes) {
    Addresses unit;
    std::fill(std::begin(unit.value), std::end(unit.value), first + offset);
    lane_ops().summarise(active, kUnitBytes, unit);
    resolve(warp, op, AddressKind::shared, AccessType::write, kUnitBytes, active, unit);
    check_accesses(warp, op, AddressKind::shared, AccessType::write, kUnitBytes, active, unit,
                   &kZero, 0);
    std::memcpy(reinterpret_cast<void*>(unit.value[lane]), &kZero, kUnitBytes);
  }
}

}  // namespace

void fill_shared(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint64_t bytes = op.size == 8 ? register_row<std::uint64_t>(lanes, op.b)[lane]
                                             : register_row<std::uint32_t>(lanes, op.b)[lane];
    if (bytes % kUnitBytes != 0) {
      throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                        "st.bulk: size " + std::to_string(bytes) +
                            " is no multiple of 8 (PTX ISA 9.0, section 9.7.9.14)");
    }
    fill_lane(warp, op, lane, bytes);
  });
}

}  // namespace rackproof::emulator::exec
