// Between resolved accesses and the checker: what it is asked, and what a finding says.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <cstring>
#include <string>

namespace rackproof::emulator::exec {
namespace {

// The CTA of the cluster in whose shared memory a host address lies.
Cta* home_of(Warp& warp, std::uint64_t host) {
  Cluster& cluster = warp.cta().cluster();
  for (std::uint32_t rank = 0; rank < cluster.size(); ++rank) {
    Cta& cta = cluster.cta(rank);
    const std::uint64_t address = host - cta.shared_bias();
    if (address >= cta.shared_base() && address < cta.shared_end()) {
      return &cta;
    }
  }
  return nullptr;
}

// "cp.async", "cp.async.bulk.tensor": which instruction an access in flight belongs to.
std::string asynchronous(const GridContext& grid, const check::Access& access) {
  const bool is_here = grid.checked != nullptr && grid.checked->holds(access.cta);
  if (!is_here) {
    return "asynchronous operation";
  }
  const std::string name = grid.kernel->source.at(access.pc())->mnemonic();
  const bool is_small = name.starts_with("cp.async.c");
  return is_small ? "cp.async" : name.substr(0, name.find_first_of(':'));
}

// "shared memory at 0x40 (of 4096)"
std::string describe_shared(Warp& warp, std::uint64_t address) {
  Cta* const home = home_of(warp, address);
  const Cta& cta = home == nullptr ? warp.cta() : *home;
  return "shared memory at " + hex(address - cta.shared_bias()) + " (of " +
         std::to_string(cta.shared_bytes()) + ")";
}

[[noreturn]] void raise(Warp& warp, const check::Finding& finding, AddressKind space,
                        AccessType type, std::uint32_t bytes) {
  Cta& cta = warp.cta();
  const GridContext& grid = cta.grid();
  const bool is_shared = space == AddressKind::shared || space == AddressKind::shared_cluster;
  std::string text;
  if (is_shared) {
    Cta& home = space == AddressKind::shared ? cta : *home_of(warp, finding.address);
    text = std::string(space == AddressKind::shared ? "shared " : "shared::cluster ") + verb(type) +
           " of " + std::to_string(bytes) + " bytes at " +
           hex(finding.address - home.shared_bias()) + " (of " +
           std::to_string(home.shared_bytes()) + ")";
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
  const char* const hint =
      space == AddressKind::shared_cluster ? " (barrier.cluster or an mbarrier is missing)"
      : is_same_cta                        ? " (a barrier is missing)"
      : is_same_grid ? " (another CTA: a fence and a flag, or a grid barrier, is missing)"
                     : " (another grid: nothing orders the two)";
  switch (finding.kind) {
    case check::Finding::Kind::uninitialised:
      throw FaultRaised(Fault::Kind::undefined_value, finding.lane,
                        text + " reads what nobody wrote");
    case check::Finding::Kind::after_copy:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the " + asynchronous(grid, finding.earlier) +
                            " of " + earlier() + " (wait for the copy, then synchronise)");
    case check::Finding::Kind::after_async_read:
      throw FaultRaised(Fault::Kind::race, finding.lane,
                        text + " is not ordered after the asynchronous read by the " +
                            asynchronous(grid, finding.earlier) + " of " + earlier() +
                            " (wait until it has read its source)");
    case check::Finding::Kind::after_range:
      throw FaultRaised(
          Fault::Kind::race, finding.lane,
          text + " is not ordered after the " + finding.range->what + " (nothing orders the two)");
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
  const bool is_distributed = space == AddressKind::shared_cluster;
  const std::uint32_t tainted =
      type == AccessType::write && warp.taint() != nullptr ? warp.taint()->stored() & lanes : 0;
  if (tainted != 0 && space == AddressKind::global) {
    warp.taint()->report(tainted, "global memory is written with a value");
  }
  if (checker == nullptr ||
      !(is_shared || is_distributed || (space == AddressKind::global && checker->checks_races()))) {
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
  const check::Finding finding =
      is_shared        ? checker->shared(request)
      : is_distributed ? checker->distributed(request, *home_of(warp, addresses.low)->checker())
                       : checker->global(request);
  if (finding.kind != check::Finding::Kind::none) [[unlikely]] {
    if (finding.kind == check::Finding::Kind::uninitialised && type == AccessType::read) {
      // Tiles at the edge of a problem are loaded whole, and what was not written is masked later.
      if (op.handler == load_matrix) {
        return;
      }
      const DecodedKernel& kernel = warp.kernel();
      const std::uint32_t unwritten = checker->lanes_in_gaps(request.row);
      if (const auto& instruction = *kernel.source[warp.pc() - 1]; instruction.opcode == "ld") {
        warp.taint(unwritten, describe_shared(warp, finding.address) + ", " +
                                  describe_location(*warp.cta().grid().module, instruction.where) +
                                  ", which reads what nobody wrote");
        return;
      }
      if (unwritten != lanes) {  // who else reads rows uses a part of them
        return;
      }
    }
    raise(warp, finding, space, type, bytes);
  }
  if (is_distributed && checker->checks_races() && op.handler != mbarrier_arrive) {
    warp.cta().cluster().note_use(warp, lanes, *home_of(warp, addresses.low));
  }
  if (tainted != 0 && is_shared) {
    for_each_lane(tainted, [&](std::uint32_t lane) {
      checker->forget_initialised(request.row.address(lane), bytes);
    });
  }
}

bool check_row(Warp& warp, const Op& op, AddressKind space, AccessType type, std::uint64_t first,
               std::uint32_t bytes, bool uniform) {
  check::CtaChecker* const checker = warp.cta().checker();
  const bool is_shared = space == AddressKind::shared;
  if (checker == nullptr || (!is_shared && !checker->checks_races())) {
    return true;
  }
  if (static_cast<check::Semantics>(op.semantics) != check::Semantics::weak ||
      warp.taint() != nullptr) {
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
