// Branches, calls and ends: PTX ISA 9.0, sections 9.7.12 and 9.7.19.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/runtime_calls.hpp"

#include <bit>
#include <string>

namespace rackproof::emulator::exec {
namespace {

std::uint32_t first_lane(std::uint32_t lanes) {
  return static_cast<std::uint32_t>(std::countr_zero(lanes));
}

}  // namespace

void branch(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if ((op.flags & op_flags::kClockBranch) != 0) [[unlikely]] {
    warp.let_time_pass();
  }
  warp.branch(static_cast<std::uint32_t>(op.immediate), mask,
              (op.flags & (op_flags::kSpinBranch | op_flags::kClockBranch)) != 0);
}

void branch_indexed(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto& table = warp.kernel().branch_tables[static_cast<std::size_t>(op.immediate)];
  const auto* index =
      reinterpret_cast<const std::uint32_t*>(lanes.base[op.a & kConstantBit] + (op.a & ~3U));
  const std::uint32_t chosen = index[first_lane(mask)];
  if (chosen >= table.size()) {
    throw FaultRaised(Fault::Kind::illegal_instruction, first_lane(mask),
                      "brx.idx index " + std::to_string(chosen) + " is beyond its " +
                          std::to_string(table.size()) + " targets");
  }
  std::uint32_t same = 0;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    same |= static_cast<std::uint32_t>(index[lane] == chosen) << lane;
  }
  same &= mask;
  const std::uint32_t others = mask & ~same;
  const std::uint32_t pc = warp.pc();
  if (others != 0) {
    warp.split(others, pc - 1);
  }
  warp.branch(table[chosen], same, false);
}

void call(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const CallSite& site = warp.kernel().calls[static_cast<std::size_t>(op.immediate)];
  if (!site.builtin.empty()) {
    call_builtin(warp, site, mask);
    return;
  }
  std::int32_t function = site.function;
  std::uint32_t callers = mask;
  if (function < 0) {
    const auto* pointer =
        reinterpret_cast<const std::uint64_t*>(lanes.base[op.a & kConstantBit] + (op.a & ~3U));
    const std::uint64_t target = pointer[first_lane(mask)];
    const auto& known = warp.kernel().function_of_module_index;
    const auto found = known.find(static_cast<std::uint32_t>((target - kCodeWindow) / 16));
    if (target < kCodeWindow || target % 16 != 0 || found == known.end()) {
      throw FaultRaised(Fault::Kind::illegal_instruction, first_lane(mask),
                        "indirect call to " + std::to_string(target) + ", which is no function");
    }
    function = found->second;
    callers = 0;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      callers |= static_cast<std::uint32_t>(pointer[lane] == target) << lane;
    }
    callers &= mask;
  }
  if (callers != mask) {
    // The rest calls other functions: it returns to this instruction.
    warp.split(mask & ~callers, warp.pc() - 1);
  }
  warp.call(site, warp.kernel().functions[static_cast<std::size_t>(function)], callers);
}

void return_(LaneContext& lanes, const Op&, std::uint32_t mask) {
  static_cast<Warp&>(lanes).return_lanes(mask);
}
void exit_(LaneContext& lanes, const Op&, std::uint32_t mask) {
  static_cast<Warp&>(lanes).exit_lanes(mask);
}
void trap(LaneContext& lanes, const Op&, std::uint32_t mask) {
  // cooperative_groups traps where grid.sync() finds no workspace.
  const bool is_not_cooperative = static_cast<Warp&>(lanes).cta().grid().wanted_workspace;
  throw FaultRaised(Fault::Kind::trap, first_lane(mask),
                    is_not_cooperative
                        ? "trap executed: the kernel synchronises its grid, but the launch is not "
                          "cooperative (cudaLaunchCooperativeKernel)"
                        : "trap executed");
}
void breakpoint(LaneContext&, const Op&, std::uint32_t mask) {
  throw FaultRaised(Fault::Kind::trap, first_lane(mask), "brkpt executed without a debugger");
}
void nanosleep(LaneContext& lanes, const Op&, std::uint32_t) {
  static_cast<Warp&>(lanes).yield();
}
// griddepcontrol: PTX ISA 9.0, section 9.7.13.13.
void launch_dependents(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  warp.cta().trigger_dependents(false);
  if (warp.cta().grid().holds_triggers) {
    warp.wait_at_barrier(mask, kGridTrigger, kNoRef);
  }
}
void await_grids(LaneContext& lanes, const Op&, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (warp.cta().grid().awaits_prerequisite()) {
    warp.wait_at_barrier(mask, kGridWait, kNoRef);
    return;
  }
  warp.cta().note_grid_wait();
  if (check::CtaChecker* const checker = warp.cta().checker()) {
    checker->await_grids(warp.index());
  }
}
// Registers that warps have given back wait in the CTA's pool for others (PTX ISA 9.0, section
// 9.7.19.5); a warp has as many as the kernel was built with until it changes that.
void set_registers(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const std::uint32_t initial = (warp.kernel().registers_per_thread + 7) / 8 * 8;
  if (!whole_warp(warp, mask, "setmaxnreg") || initial == 0) {
    return;
  }
  RegisterPool& pool = warp.cta().register_pool();
  pool.of_warp.resize(warp.cta().warps(), initial);
  std::uint32_t& own = pool.of_warp[warp.index()];
  const auto wanted = static_cast<std::uint32_t>(op.immediate);
  if (op.mode == 1 && wanted < own) {
    pool.free += own - wanted;
    own = wanted;
  } else if (op.mode == 0 && wanted > own) {
    if (pool.free < wanted - own) {
      warp.repeat();
      return;
    }
    pool.free -= wanted - own;
    own = wanted;
  }
}
void serial_gate(LaneContext& lanes, const Op&, std::uint32_t) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!warp.cta().may_communicate()) {
    warp.stop_at_gate();
    return;
  }
  warp.pass_gate();
}

}  // namespace rackproof::emulator::exec
