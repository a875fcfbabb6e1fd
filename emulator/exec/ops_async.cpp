// cp.async: PTX ISA 9.0, section 9.7.9.25. Data lands when async::CopyQueue says so.
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <string>

namespace rackproof::emulator::exec {
namespace {

// A copy that lands early does so within this many turns of its warp.
constexpr std::uint32_t kMaxSteps = 4;

}  // namespace

void copy_async(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  Cta& cta = warp.cta();
  async::Copy copy;
  copy.pc = warp.pc() - 1;
  copy.lanes = mask;
  copy.size_bytes = op.size;
  copy.moment = async::Moment::draw(cta.cluster().ordering(), cta.random(), kMaxSteps);
  const std::uint32_t ignored = op.c == kNoRef ? 0 : read_predicate(lanes, op.c);
  std::uint32_t reading = 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    std::uint32_t bytes = op.size;
    if (op.b != kNoRef) {
      bytes = register_row<std::uint32_t>(lanes, op.b)[lane];
      if (bytes > op.size) {
        throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                          "cp.async source size " + std::to_string(bytes) + " exceeds " +
                              std::to_string(op.size) + " bytes");
      }
    }
    bytes = (ignored >> lane & 1U) != 0 ? 0 : bytes;
    copy.source_bytes[lane] = static_cast<std::uint8_t>(bytes);
    reading |= static_cast<std::uint32_t>(bytes != 0) << lane;
  });
  Addresses source;
  const LaneOps& table = lane_ops();
  table.addresses(lanes, op, mask, op.size, source);
  Addresses target;
  Op destination = op;
  destination.a = op.dst;
  destination.immediate = static_cast<std::int32_t>(op.d);
  destination.mode = static_cast<std::uint8_t>((op.mode & 0x40U) << 1);
  table.addresses(lanes, destination, mask, op.size, target);
  if (reading != 0) {
    if (reading != mask) {
      table.summarise(reading, op.size, source);
    }
    resolve(warp, op, AddressKind::global, AccessType::read, op.size, reading, source);
  }
  if (classify(target.high) == AddressKind::shared) {
    for (std::uint64_t& address : target.value) {
      address &= kWindowOffsetMask;
    }
    table.summarise(mask, op.size, target);
  }
  const Addresses offsets = target;
  resolve(warp, op, AddressKind::shared, AccessType::write, op.size, mask, target);
  for_each_lane(mask, [&](std::uint32_t lane) {
    copy.source[lane] = source.value[lane];
    copy.destination[lane] = static_cast<std::uint32_t>(offsets.value[lane]);
    cta.grid().counters.async_copy_bytes += copy.source_bytes[lane];
  });
  begin_shared_copy(warp, op.size, mask, target);
  CopyOwner owner(warp);
  warp.copies().issue(copy, owner);
}

void copy_async_commit(LaneContext& lanes, const Op&, std::uint32_t mask) {
  static_cast<Warp&>(lanes).copies().commit(mask);
}

void copy_async_wait(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  CopyOwner owner(warp);
  if (op.immediate < 0) {
    warp.copies().wait_all(mask, owner);
  } else {
    warp.copies().wait(mask, static_cast<std::uint64_t>(op.immediate), owner);
  }
}

}  // namespace rackproof::emulator::exec
