#include "emulator/exec/tensor_tracking.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/tensor_issue.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace rackproof::emulator::exec {
namespace {

using check::TensorAccess;

check::CtaChecker* race_checker(Warp& warp) {
  check::CtaChecker* const checker = warp.cta().checker();
  return checker != nullptr && checker->checks_races() ? checker : nullptr;
}

TensorAccess access_of(Warp& warp, std::uint32_t lane, bool writes) {
  TensorAccess access;
  access.actor = warp.cta().checker()->serial();
  access.warp = warp.index();
  access.cta = warp.cta().rank();
  access.lane = lane;
  access.pc = warp.pc() - 1;
  access.writes = writes;
  return access;
}

std::string name_at(const Warp& warp, std::uint32_t pc) {
  return warp.kernel().source[pc]->mnemonic();
}

std::string describe(Warp& warp, const check::TensorConflict& conflict) {
  const TensorAccess& earlier = conflict.earlier;
  Cta& home = warp.cta().cluster().cta(earlier.cta);
  const char* const hint =
      earlier.state == TensorAccess::State::in_flight
          ? (earlier.writes ? "tcgen05.wait::st has to follow it"
                            : "tcgen05.wait::ld has to follow it")
      : earlier.state == TensorAccess::State::unpublished
          ? "tcgen05.fence::before_thread_sync is missing before the threads synchronise"
      : earlier.is_pipe ? "wait for the mbarrier of a tcgen05.commit behind it, then "
                          "tcgen05.fence::after_thread_sync"
      : earlier.follows_registers
          ? "its registers are not used before the threads synchronise, nor is tcgen05.wait::ld "
            "there"
          : "the threads have to synchronise, then tcgen05.fence::after_thread_sync";
  return name_at(warp, warp.pc() - 1) + ": lane " + std::to_string(conflict.lane) + ", column " +
         std::to_string(conflict.column) + " of tensor memory is not ordered after the " +
         (earlier.writes ? "write" : "read") + " by " +
         home.describe_thread(earlier.warp, earlier.lane, earlier.pc) + " (" + hint +
         "; PTX ISA 9.0, section 9.7.16.6)";
}

[[noreturn]] void raise(Warp& warp, std::uint32_t lane, const check::TensorConflict& conflict) {
  throw FaultRaised(Fault::Kind::race, lane, describe(warp, conflict));
}

// `touch` judges with the knowledge it is given; of what it finds, what is not forgiven is raised.
template <class Touch>
void judge(Warp& warp, const check::CtaChecker& checker, std::uint32_t lane, const Touch& touch) {
  // tcgen05.commit fences before by itself, so kernels with fences after alone are common; those
  // with one before mean both.
  const DecodedKernel& kernel = warp.kernel();
  const check::Clock& seen = tensor_warp(warp).seen;
  const bool has_fence = kernel.has_tensor_fence_after || kernel.has_tensor_fence_before;
  auto conflict = touch(has_fence ? seen : checker.knowledge(warp.index()));
  // Right on hardware: kernels whose multiplying warp has a fence after, and whose loading warps
  // wait for the commit alone.
  if (conflict && kernel.has_tensor_fence_after && seen.empty()) {
    const std::string unfenced = describe(warp, *conflict);
    conflict = touch(checker.knowledge(warp.index()));
    if (!conflict) {
      Cta& cta = warp.cta();
      note(cta.grid(), cta, warp, lane,
           unfenced + "; the fence is not demanded of warps that execute none");
    }
  }
  if (conflict) {
    raise(warp, lane, *conflict);
  }
}

// Those of the warp's own loads and stores of which `is_over` says so have been waited for.
template <class Predicate>
void end_moves(Warp& warp, check::CtaChecker& checker, const Predicate& is_over) {
  const bool publishes = !warp.kernel().has_tensor_fence_before;
  const check::Time time = checker.touch(warp.index());
  std::erase_if(tensor_warp(warp).moves, [&](const TensorWarp::Move& move) {
    TensorAccess& access = warp.cta().tensor_core().order.at(move.access);
    if (access.state != TensorAccess::State::in_flight || !is_over(move)) {
      return access.state == TensorAccess::State::ordered;
    }
    access.time = time;
    access.state = publishes ? TensorAccess::State::ordered : TensorAccess::State::unpublished;
    return publishes;
  });
  checker.warp_sync(warp.index());
}

}  // namespace

void track_move(Warp& warp, tensor::TensorAddress first, const tensor::FragmentLayout& fragment,
                bool writes, std::uint32_t load) {
  check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return;
  }
  TensorCore& core = warp.cta().tensor_core();
  TensorWarp& state = tensor_warp(warp);
  TensorAccess access = access_of(warp, 0, writes);
  access.time = checker->touch(warp.index());
  access.state = TensorAccess::State::in_flight;
  access.follows_registers = !writes && warp.kernel().follows_tensor_registers;
  const std::uint32_t number = core.order.add(access);
  state.moves.push_back({number, writes});
  if (access.follows_registers) {
    // What an earlier turn of a loop loaded into these registers is gone.
    std::erase_if(state.loads, [&](const TensorWarp::Load& old) { return old.number == load; });
    state.loads.push_back({load, number});
  }
  const bool halves = fragment.shape == tensor::FragmentShape::s16x32bx2;
  const std::uint32_t columns =
      halves ? fragment.repeat * fragment.cells_per_register() : fragment.columns();
  for (std::uint32_t half = 0; half < (halves ? 2U : 1U); ++half) {
    judge(warp, *checker, 0, [&](const check::Clock& knowledge) {
      return core.order.touch(number, first.lane, fragment.lanes(),
                              first.column + half * fragment.split, columns, writes, knowledge);
    });
  }
  // Right on hardware: CUTLASS's attention hands row statistics from warp to warp so.
  if (const auto store = core.order.take_unawaited_store()) {
    Cta& cta = warp.cta();
    note(cta.grid(), cta, warp, 0,
         name_at(warp, access.pc) + " reads what the tcgen05.st by " +
             cta.describe_thread(store->warp, store->lane, store->pc) +
             " writes, without tcgen05.wait::st between (PTX ISA 9.0, section 9.7.16.8); it is "
             "demanded before tensor operations alone");
  }
}

void track_wait(Warp& warp, bool stores) {
  check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return;
  }
  if (!stores) {
    tensor_warp(warp).loads.clear();
  }
  end_moves(warp, *checker, [&](const TensorWarp::Move& move) { return move.writes == stores; });
}

void track_fence_before(Warp& warp) {
  check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return;
  }
  const check::Time time = checker->touch(warp.index());
  std::erase_if(tensor_warp(warp).moves, [&](const TensorWarp::Move& move) {
    TensorAccess& access = warp.cta().tensor_core().order.at(move.access);
    if (access.state == TensorAccess::State::in_flight) {
      return false;
    }
    access.time = time;
    access.state = TensorAccess::State::ordered;
    return true;
  });
  checker->warp_sync(warp.index());
}

void track_fence_after(Warp& warp, bool counts) {
  const check::CtaChecker* const checker = race_checker(warp);
  if (checker != nullptr && (counts || !tensor_warp(warp).seen.empty())) {
    tensor_warp(warp).seen = checker->knowledge(warp.index());
  }
}

void track_operation(Warp& warp, std::uint32_t lane, std::uint32_t cta_group,
                     const tensor::TensorFootprint& footprint) {
  const check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return;
  }
  TensorWarp& state = tensor_warp(warp);
  if (state.pipe_serial == 0) {
    state.pipe_serial = check::next_pipe_serial();
  }
  ++state.pipe_time;
  const std::uint32_t even = cta_group == 2 ? warp.cta().rank() & ~1U : warp.cta().rank();
  const auto touch = [&](const tensor::TensorRegion& region, bool writes) {
    check::TensorOrder& order = warp.cta().cluster().cta(even + region.side).tensor_core().order;
    TensorAccess access = access_of(warp, lane, writes);
    access.actor = state.pipe_serial;
    access.is_pipe = true;
    access.time = state.pipe_time;
    const std::uint32_t number = order.add(access);
    judge(warp, *checker, lane, [&](const check::Clock& knowledge) {
      return order.touch(number, region.lane, region.lanes, region.column, region.columns, writes,
                         knowledge);
    });
  };
  for (const tensor::TensorRegion& region : footprint.reads) {
    touch(region, false);
  }
  for (const tensor::TensorRegion& region : footprint.writes) {
    touch(region, true);
  }
}

check::Clock track_commit(Warp& warp) {
  check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return {};
  }
  // The commit is a tcgen05.fence::before_thread_sync too.
  track_fence_before(warp);
  check::Clock clock = checker->knowledge(warp.index());
  const TensorWarp& state = tensor_warp(warp);
  if (state.pipe_serial != 0) {
    check::CtaKnowledge pipe;
    pipe.know_all(state.pipe_time);
    clock.set(state.pipe_serial, pipe);
  }
  return clock;
}

void track_allocation(Warp& warp, std::uint32_t column, std::uint32_t columns) {
  if (race_checker(warp) != nullptr) {
    warp.cta().tensor_core().order.forget(column, columns);
  }
}

void track_deallocation(Warp& warp, std::uint32_t lane, std::uint32_t column,
                        std::uint32_t columns) {
  const check::CtaChecker* const checker = race_checker(warp);
  if (checker == nullptr) {
    return;
  }
  // No access: what warps did has to be over, fenced or not.
  check::TensorOrder& order = warp.cta().tensor_core().order;
  TensorAccess access = access_of(warp, lane, true);
  access.frees = true;
  const auto conflict = order.touch(order.add(access), 0, tensor::kTensorLanes, column, columns,
                                    true, checker->knowledge(warp.index()));
  if (conflict) {
    raise(warp, lane, *conflict);
  }
}

void tensor_check_registers(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  std::vector<TensorWarp::Load>& loads = tensor_warp(warp).loads;
  const auto refs = warp.kernel().refs.begin() + op.list;
  const auto used = std::partition(loads.begin(), loads.end(), [&](const TensorWarp::Load& load) {
    return std::find(refs, refs + op.list_size, load.number) == refs + op.list_size;
  });
  if (used == loads.end()) {
    return;
  }
  Cta& cta = warp.cta();
  check::TensorOrder& order = cta.tensor_core().order;
  const std::uint32_t lane = lowest_lane(mask);
  const auto register_of = [&](const TensorAccess& load) {
    return "a register of the tcgen05.ld by " + cta.describe_thread(warp.index(), lane, load.pc) +
           " is used ";
  };
  for (auto load = used; load != loads.end(); ++load) {
    const TensorAccess& access = order.at(load->access);
    if (access.overtaken_by != 0) {
      const TensorAccess& other = order.at(access.overtaken_by);
      Cta& home = cta.cluster().cta(other.cta);
      throw FaultRaised(Fault::Kind::race, lane,
                        register_of(access) + "after its columns were given to " +
                            home.describe_thread(other.warp, other.lane, other.pc) +
                            ": tcgen05.wait::ld has to come before the threads synchronise (PTX "
                            "ISA 9.0, section 9.7.16.8)");
    }
  }
  if (!warp.kernel().has_tensor_wait_load) {
    note(cta.grid(), cta, warp, lane,
         register_of(order.at(used->access)) +
             "before tcgen05.wait::ld (PTX ISA 9.0, section 9.7.16.8); it is not demanded of this "
             "kernel, which has none at all");
  }
  if (check::CtaChecker* const checker = race_checker(warp)) {
    end_moves(warp, *checker, [&](const TensorWarp::Move& move) {
      return std::any_of(used, loads.end(),
                         [&](const TensorWarp::Load& load) { return load.access == move.access; });
    });
  }
  loads.erase(used, loads.end());
}

}  // namespace rackproof::emulator::exec
