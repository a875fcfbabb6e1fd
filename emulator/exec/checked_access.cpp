// Between resolved accesses and the checker: what it is asked, and what a finding says.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

[[noreturn]] void raise(Warp& warp, const check::Finding& finding, AddressKind space,
                        AccessType type, std::uint32_t bytes) {
  Cta& cta = warp.cta();
  const GridContext& grid = cta.grid();
  const bool is_shared = space == AddressKind::shared;
  std::string text;
  if (is_shared) {
    text = std::string("shared ") + verb(type) + " of " + std::to_string(bytes) + " bytes at " +
           hex(finding.address - cta.shared_bias()) + " (of " + std::to_string(cta.shared_bytes()) +
           ")";
  } else {
    text = std::string("global ") + verb(type) + " of " + std::to_string(bytes) + " bytes at " +
           hex(finding.address) + " (" + grid.describe_address(finding.address) + ")";
  }
  const auto earlier = [&] {
    const check::Grid* const other = grid.detector->grid_of(finding.earlier.cta);
    return other == nullptr ? std::string("an earlier grid")
                            : other->describe(finding.earlier, finding.unit);
  };
  const bool is_same_grid = grid.checked == nullptr || grid.checked->holds(finding.earlier.cta);
  const bool is_same_cta =
      is_same_grid &&
      (is_shared || finding.earlier.cta == grid.checked->first + cta.linear_index());
  const char* const hint = is_same_cta ? " (a barrier is missing)"
                           : is_same_grid
                               ? " (another CTA: a fence and a flag, or a grid barrier, is missing)"
                               : " (another grid: nothing orders the two streams)";
  switch (finding.kind) {
    case check::Finding::Kind::uninitialised:
      throw FaultRaised(Fault::Kind::uninitialised_shared, finding.lane,
                        text + " reads what nobody wrote");
    case check::Finding::Kind::after_copy:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the cp.async of " + earlier() +
                            " (wait for the copy, then synchronise)");
    case check::Finding::Kind::after_range:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the " + finding.range->what +
                            " (nothing orders the two streams)");
    case check::Finding::Kind::after_read:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the read by " + earlier() + hint);
    default:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the write by " + earlier() + hint);
  }
}

bool all_equal(const std::byte* data, std::uint32_t stride, std::uint32_t bytes,
               std::uint32_t lanes) {
  const std::byte* const first = data + std::size_t{lowest_lane(lanes)} * stride;
  for (std::uint32_t rest = lanes & (lanes - 1); rest != 0; rest &= rest - 1) {
    if (std::memcmp(first, data + std::size_t{lowest_lane(rest)} * stride, bytes) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

void check_accesses(Warp& warp, const Op& op, AddressKind space, AccessType type,
                    std::uint32_t bytes, std::uint32_t lanes, const Addresses& addresses,
                    const void* data, std::uint32_t stride) {
  check::CtaChecker* const checker = warp.cta().checker();
  const bool is_shared = space == AddressKind::shared;
  if (checker == nullptr ||
      !(is_shared || (space == AddressKind::global && checker->checks_races()))) {
    return;
  }
  check::Request request;
  request.kind = static_cast<check::AccessKind>(type);
  request.semantics = static_cast<check::Semantics>(op.semantics);
  if (type == AccessType::atomic && request.semantics == check::Semantics::weak) {
    request.semantics = check::Semantics::relaxed;
  }
  request.scope = static_cast<check::Scope>(op.scope);
  request.warp = warp.index();
  request.pc = warp.pc() - 1;
  request.reads_old = type == AccessType::atomic &&
                      op.instruction_class == static_cast<std::uint8_t>(InstructionClass::atomic) &&
                      (op.flags & op_flags::kOverwrites) == 0;
  request.row = {addresses.value, lanes, bytes, addresses.contiguous, addresses.uniform, false};
  request.data = static_cast<const std::byte*>(data);
  request.stride = stride;
  if (type == AccessType::write && !addresses.contiguous) {
    request.row.apart = !addresses.uniform || !all_equal(request.data, stride, bytes, lanes);
  }
  const check::Finding finding = is_shared ? checker->shared(request) : checker->global(request);
  if (finding.kind != check::Finding::Kind::none) [[unlikely]] {
    // Tiles at the edge of a problem are loaded whole, and what was not written is masked later.
    if (finding.kind == check::Finding::Kind::uninitialised && op.handler == load_matrix) {
      return;
    }
    raise(warp, finding, space, type, bytes);
  }
}

bool check_row(Warp& warp, const Op& op, AddressKind space, AccessType type, std::uint64_t first,
               std::uint32_t bytes, bool uniform) {
  check::CtaChecker* const checker = warp.cta().checker();
  const bool is_shared = space == AddressKind::shared;
  if (checker == nullptr || (!is_shared && !checker->checks_races())) {
    return true;
  }
  if (static_cast<check::Semantics>(op.semantics) != check::Semantics::weak) {
    return false;
  }
  check::Request request;
  request.kind = static_cast<check::AccessKind>(type);
  request.warp = warp.index();
  request.pc = warp.pc() - 1;
  request.row = {&first, kFullMask, bytes, !uniform, uniform, false};
  const check::Finding finding = is_shared ? checker->shared(request) : checker->global(request);
  return finding.kind == check::Finding::Kind::none;
}

void begin_shared_copy(Warp& warp, std::uint32_t bytes, std::uint32_t lanes,
                       const Addresses& addresses) {
  check::CtaChecker* const checker = warp.cta().checker();
  if (checker == nullptr) {
    return;
  }
  const check::Finding finding =
      checker->begin_copy(warp.index(), warp.pc() - 1,
                          {addresses.value, lanes, bytes, addresses.contiguous, false, true});
  if (finding.kind != check::Finding::Kind::none) {
    raise(warp, finding, AddressKind::shared, AccessType::write, bytes);
  }
}

}  // namespace rackproof::emulator::exec
