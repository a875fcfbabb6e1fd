#include "emulator/exec/cta.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/windows.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

// How long one warp runs before the next of its CTA has its turn.
constexpr std::uint32_t kWarpSlice = 256;

// Counts are in warps: one whose live threads are all here counts in full.
std::uint32_t counted_threads(const Warp& warp, std::uint32_t arrived) {
  return (warp.live() & ~arrived) == 0 ? kWarpSize
                                       : static_cast<std::uint32_t>(std::popcount(arrived));
}

}  // namespace

Cta::Cta(Cluster& cluster, std::uint32_t rank, GridContext& grid, std::uint64_t linear_index)
    : cluster_(&cluster),
      rank_(rank),
      grid_(&grid),
      linear_index_(linear_index),
      threads_(static_cast<std::uint32_t>(grid.config.block.count())),
      random_(grid.config.seed ^ (linear_index * 0x9e3779b97f4a7c15ULL)) {
  const LaunchConfig& config = grid.config;
  id_.x = static_cast<std::uint32_t>(linear_index % config.grid.x);
  id_.y = static_cast<std::uint32_t>(linear_index / config.grid.x % config.grid.y);
  id_.z = static_cast<std::uint32_t>(linear_index / config.grid.x / config.grid.y);
  shared_window_ = rank << kClusterRankShift;
  shared_base_ = shared_window_ + grid.kernel->shared_base;
  shared_end_ = shared_window_ + grid.kernel->static_shared_bytes + config.dynamic_shared_bytes;
  shared_.resize(std::max<std::size_t>(shared_bytes(), 1));
  const std::uint32_t warps = (threads_ + kWarpSize - 1) / kWarpSize;
  if (config.checks.shared_init || config.checks.races) {
    checker_.emplace(grid.detector, grid.checked, linear_index, warps,
                     reinterpret_cast<std::uintptr_t>(shared_.data()), shared_bytes(),
                     check::CtaChecker::Options{config.checks.shared_init, config.checks.races});
  }
  for (std::uint32_t i = 0; i < warps; ++i) {
    const std::uint32_t lanes = std::min(kWarpSize, threads_ - i * kWarpSize);
    warps_.push_back(
        std::make_unique<Warp>(*this, i, lanes == kWarpSize ? kFullMask : (1U << lanes) - 1));
  }
  warps_left_ = warps;
  order_.resize(warps);
  std::iota(order_.begin(), order_.end(), 0U);
  for (std::uint32_t i = warps; i > 1; --i) {
    std::swap(order_[i - 1], order_[random_.below(i)]);
  }
  ++grid.counters.ctas;
  grid.counters.warps += warps;
}

std::uint32_t Cta::cluster_size() const {
  return cluster_->size();
}

std::uint32_t Cta::shared_bytes() const {
  return shared_end_ - shared_window_;
}

std::byte* Cta::constants() const {
  return rank_ == 0 ? grid_->kernel->constants.data() : (*grid_->rank_constants)[rank_].data();
}

std::uint64_t Cta::run(GridContext& grid, std::uint64_t clock, std::uint64_t budget,
                       bool may_communicate) {
  if (grid_ != &grid) {
    grid_ = &grid;
    for (const auto& warp : warps_) {
      warp->count_in(grid.counters);
    }
  }
  clock_ = clock;
  may_communicate_ = may_communicate;
  at_gate_ = false;
  idle_ = false;
  std::uint64_t executed = 0;
  while (executed < budget && warps_left_ != 0) {
    for (; turn_ < order_.size(); ++turn_) {
      if (!cluster_->operations().empty()) {
        cluster_->operations().step();
      }
      Warp& warp = *warps_[order_[turn_]];
      if (warp.finished() || !warp.runnable()) {
        warp.step_copies();
        continue;
      }
      running_ = &warp;
      const std::uint32_t done = warp.run(kWarpSlice);
      clock_ += done;
      executed += done;
      round_ += done;
      if (warp.stopped()) {
        at_gate_ = true;
        return executed;
      }
      all_yielded_ = all_yielded_ && warp.yielded();
      if (warp.finished()) {
        --warps_left_;
        all_yielded_ = false;
      }
    }
    turn_ = 0;
    const std::uint64_t round = std::exchange(round_, 0);
    idle_ = std::exchange(all_yielded_, true) && round != 0;
    if (round == 0 || idle_) {
      break;
    }
  }
  return executed;
}

void Cta::arrive(Warp& warp, std::uint32_t lanes, std::uint32_t index, std::uint32_t expected) {
  if (index >= barriers_.size()) {
    barriers_.resize(index + 1);
  }
  Barrier& barrier = barriers_[index];
  const auto lane = static_cast<std::uint32_t>(std::countr_zero(lanes));
  if (barrier.arrived.empty()) {
    ++open_barriers_;
    barrier.arrived.assign(warps_.size(), 0);
    barrier.expected = expected;
  } else if (barrier.expected != expected) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "barrier " + std::to_string(index) + " is used with " +
                          std::to_string(expected) + " threads while others wait with " +
                          std::to_string(barrier.expected) + " (0: all)");
  }
  std::uint32_t& arrived = barrier.arrived[warp.index()];
  if ((arrived & lanes) != 0) {
    // Hardware counts arrivals of warps, not which warps: bar.arrive, then bar.sync is two.
    barrier.repeated += counted_threads(warp, arrived);
    arrived = 0;
  }
  arrived |= lanes;
  if (checker_) {
    checker_->arrive(warp.index(), lanes, barrier.clock);
  }
}

bool Cta::complete(const Barrier& barrier) const {
  if (barrier.arrived.empty()) {
    return false;
  }
  std::uint32_t threads = barrier.repeated;
  for (std::size_t i = 0; i < warps_.size(); ++i) {
    const std::uint32_t arrived = barrier.arrived[i];
    if (barrier.expected == 0) {
      if ((warps_[i]->live() & ~arrived) != 0) {
        return false;
      }
    } else if (arrived != 0) {
      threads += counted_threads(*warps_[i], arrived);
    }
  }
  return barrier.expected == 0 || threads >= barrier.expected;
}

void Cta::release(std::uint32_t index) {
  std::swap(barriers_[index], idle_barrier_);
  const Barrier& done = idle_barrier_;
  --open_barriers_;
  const bool is_count = done.reduction == BarrierReduction::popc;
  const bool value = done.reduction == BarrierReduction::and_ ? done.all : done.any;
  if (checker_ && done.expected == 0) {
    checker_->release_all(done.clock);
  }
  for (std::size_t i = 0; i < warps_.size(); ++i) {
    if (done.arrived[i] == 0) {
      continue;
    }
    if (checker_ && done.expected != 0) {
      checker_->depart(static_cast<std::uint32_t>(i), done.clock,
                       (warps_[i]->live() & ~done.arrived[i]) == 0);
    }
    warps_[i]->release_barrier(index, value, done.count, is_count);
  }
  std::vector<std::uint32_t> arrived = std::move(idle_barrier_.arrived);
  arrived.clear();
  idle_barrier_ = Barrier{};
  idle_barrier_.arrived = std::move(arrived);
}

void Cta::barrier_sync(Warp& warp, std::uint32_t lanes, std::uint32_t index, std::uint32_t expected,
                       BarrierReduction reduction, std::uint32_t predicate, Ref result) {
  arrive(warp, lanes, index, expected);
  Barrier& barrier = barriers_[index];
  barrier.reduction = reduction != BarrierReduction::none ? reduction : barrier.reduction;
  barrier.count += static_cast<std::uint32_t>(std::popcount(predicate & lanes));
  barrier.all = barrier.all && (lanes & ~predicate) == 0;
  barrier.any = barrier.any || (lanes & predicate) != 0;
  warp.wait_at_barrier(lanes, index, result);
  if (complete(barrier)) {
    release(index);
  }
}

void Cta::barrier_arrive(Warp& warp, std::uint32_t lanes, std::uint32_t index,
                         std::uint32_t expected) {
  arrive(warp, lanes, index, expected);
  if (complete(barriers_[index])) {
    release(index);
  }
}

void Cta::lanes_exited(Warp& warp) {
  for (std::uint32_t i = 0; open_barriers_ != 0 && i < barriers_.size(); ++i) {
    if (complete(barriers_[i])) {
      release(i);
    }
  }
  cluster_->lanes_exited(warp);
  if (std::all_of(warps_.begin(), warps_.end(),
                  [](const auto& each) { return each->live() == 0; })) {
    check_tensor_memory();
    cluster_->check_exit(*this);
  }
}

void Cta::check_tensor_memory() const {
  if (!tensor_core_ || tensor_core_->memory.allocated_columns() == 0) {
    return;
  }
  throw FaultRaised(Fault::Kind::illegal_instruction, 0,
                    "the CTA exits with " +
                        std::to_string(tensor_core_->memory.allocated_columns()) +
                        " columns of tensor memory allocated: tcgen05.dealloc has to come first "
                        "(PTX ISA 9.0, section 9.7.16.7)");
}

bool Cta::polls_shared_memory_only() const {
  return std::all_of(warps_.begin(), warps_.end(), [](const auto& warp) {
    return warp->finished() || !warp->runnable() || (warp->yielded() && !warp->passed_gate());
  });
}

bool Cta::has_copies() const {
  return std::any_of(warps_.begin(), warps_.end(),
                     [](const auto& warp) { return !warp->copies().empty(); });
}

bool Cta::force_copy() {
  return std::any_of(warps_.begin(), warps_.end(), [](const auto& warp) {
    CopyOwner owner(*warp);
    return warp->copies().force(owner);
  });
}

void Cta::demand_copies(std::uint32_t address) {
  for (const auto& warp : warps_) {
    if (!warp->copies().empty()) {
      CopyOwner owner(*warp);
      warp->copies().demand(address, owner);
    }
  }
}

std::string Cta::describe_thread(std::uint32_t warp, std::uint32_t lane, std::uint32_t pc) const {
  const auto position = [](const Dim3& at) {
    return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) +
           ")";
  };
  const Dim3& block = grid_->config.block;
  const std::uint32_t thread = warp * kWarpSize + lane;
  const ptx::Instruction& instruction = *grid_->kernel->source[pc];
  return "thread " +
         position({thread % block.x, thread / block.x % block.y, thread / block.x / block.y}) +
         " of CTA " + position(id_) + " at " +
         describe_location(*grid_->module, instruction.where) + ", " + instruction.mnemonic();
}

void Cta::watch(bool on) {
  for (const auto& warp : warps_) {
    warp->watch(on);
  }
}

bool Cta::is_stalled(std::uint32_t times) const {
  return std::all_of(warps_.begin(), warps_.end(),
                     [times](const auto& warp) { return warp->is_stalled(times); });
}

void Cta::restart_watch() {
  for (const auto& warp : warps_) {
    if (PollLog* const polls = warp->polls()) {
      polls->restart();
    }
  }
}

void Cta::trigger_dependents(bool exits) {
  grid_->has_trigger = grid_->has_trigger || !exits;
  grid_->has_trigger_before_wait =
      grid_->has_trigger_before_wait || (!exits && !has_waited_for_grids_);
  if (!std::exchange(has_triggered_, true)) {
    ++grid_->triggered_ctas;
  }
}

void Cta::release_grid_control(std::uint32_t which) {
  for (const auto& warp : warps_) {
    const std::uint32_t lanes = warp->lanes_at_barrier(which);
    if (lanes != 0 && which == kGridWait) {
      note_grid_wait();
      if (checker_) {
        checker_->await_grids(warp->index());
      }
    }
    warp->release_barrier(which, false, 0, false);
  }
}

std::string Cta::describe_waiting() const {
  std::string text;
  const auto& module = *grid_->module;
  for (const auto& warp : warps_) {
    for (const Group& group : warp->groups()) {
      if (group.state == Group::State::ready && !warp->yielded()) {
        continue;
      }
      const bool polls = group.state == Group::State::ready;
      char lanes[16];
      std::snprintf(lanes, sizeof lanes, "0x%08x", group.mask);
      const bool barrier = group.state == Group::State::at_barrier;
      const auto pc = barrier ? group.pc - 1 : polls ? warp->polled_at(group.pc) : group.pc;
      text += text.empty() ? "" : "; ";
      text += "warp " + std::to_string(warp->index()) + " lanes " + lanes + " at ";
      text += polls                              ? warp->describe_poll()
              : !barrier                         ? "a warp-wide instruction"
              : group.barrier == kClusterBarrier ? "the cluster barrier"
              : group.barrier == kGridWait       ? "griddepcontrol.wait"
              : group.barrier == kGridTrigger    ? "griddepcontrol.launch_dependents"
                                                 : "barrier " + std::to_string(group.barrier);
      const ptx::Instruction& source = *grid_->kernel->source[pc];
      text += ", " + describe_location(module, source.where) +
              (polls ? ", " + source.mnemonic() : std::string());
      if (text.size() > 600) {
        return text + "; ...";
      }
    }
  }
  return text;
}

}  // namespace rackproof::emulator::exec
