#include "emulator/exec/warp.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/memory_access.hpp"

#include <algorithm>
#include <bit>
#include <limits>

namespace rackproof::emulator::exec {
namespace {

// A group that runs this long while others are ready is put aside.
constexpr std::uint32_t kGroupSlice = 4096;
constexpr std::uint32_t kNoLimit = std::numeric_limits<std::uint32_t>::max();

}  // namespace

bool same_frames(const CallFrame* x, const CallFrame* y) {
  while (x != y) {
    if (x == nullptr || y == nullptr || x->return_pc != y->return_pc ||
        x->frame_base != y->frame_base || x->depth != y->depth) {
      return false;
    }
    x = x->parent.get();
    y = y->parent.get();
  }
  return true;
}

Warp::Warp(Cta& cta, std::uint32_t index, std::uint32_t lanes_present)
    : cta_(&cta),
      kernel_(cta.grid().kernel),
      counters_(&cta.grid().counters),
      index_(index),
      present_(lanes_present),
      live_(lanes_present) {
  registers_.resize(kernel_->functions[0].frame_bytes);
  local_bytes_ = kernel_->local_bytes;
  local_.resize(std::size_t{local_bytes_} * kWarpSize);
  base[1] = kernel_->constants.data();
  Group start;
  start.mask = lanes_present;
  start.pc = kernel_->functions[0].entry;
  groups_.push_back(std::move(start));
}

std::byte* Warp::local_memory(std::uint32_t lane) const {
  return local_.data() + std::size_t{lane} * local_bytes_;
}

bool Warp::runnable() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const Group& group) { return group.state == Group::State::ready; });
}

void Warp::load_current() {
  Group& group = groups_[current_];
  mask_ = group.mask;
  pc_ = group.pc;
  base[0] = registers_.data() + group.frame_base;
  group.last_run = ++tick_;
}

// Joins into `index` every group that stands at the same instruction of the same call.
void Warp::merge(std::size_t index) {
  for (std::size_t other = 0; other < groups_.size();) {
    const bool joins = other != index && groups_[other].state != Group::State::at_barrier &&
                       groups_[other].pc == groups_[index].pc &&
                       groups_[other].frame_base == groups_[index].frame_base &&
                       same_frames(groups_[other].caller.get(), groups_[index].caller.get());
    if (!joins) {
      ++other;
      continue;
    }
    groups_[index].mask |= groups_[other].mask;
    groups_[index].state = Group::State::ready;
    groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(other));
    index -= other < index ? 1 : 0;
  }
  current_ = index;
}

bool Warp::select() {
  constexpr auto kNone = std::numeric_limits<std::size_t>::max();
  std::size_t chosen = kNone;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    if (group.state != Group::State::ready) {
      continue;
    }
    if (chosen == kNone) {
      chosen = i;
      continue;
    }
    const Group& best = groups_[chosen];
    const bool better = rotate_ ? group.last_run < best.last_run
                        : call_depth(group) != call_depth(best)
                            ? call_depth(group) > call_depth(best)
                            : group.pc < best.pc;
    chosen = better ? i : chosen;
  }
  if (chosen == kNone) {
    return false;
  }
  current_ = chosen;
  if (groups_.size() > 1) {
    merge(chosen);
  }
  load_current();
  limit_ = kNoLimit;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (i != current_ && groups_[i].state != Group::State::at_barrier && groups_[i].pc > pc_) {
      limit_ = std::min(limit_, groups_[i].pc);
    }
  }
  return true;
}

void Warp::step_copies() {
  if (!copies_.empty()) {
    CopyOwner owner(*this);
    copies_.step(owner);
  }
}

std::uint32_t Warp::run(std::uint32_t budget) {
  yielded_ = false;
  step_copies();
  std::uint32_t executed = 0;
  executed_ = 0;
  while (executed < budget && !yielded_ && live_ != 0 && select()) {
    const bool alone = groups_.size() == 1;
    const std::uint32_t done = execute(budget - executed);
    executed += done;
    // The others have their turn when this group polls, or has run for long beside them.
    rotate_ = yielded_;
    if (!current_gone_) {
      Group& group = groups_[current_];
      group.ran = alone ? 0 : group.ran + done;
      if (group.ran >= kGroupSlice) {
        group.ran = 0;
        rotate_ = true;
      }
    }
  }
  executed_ = 0;
  counters_->fp32_flops += static_cast<double>(flops_);
  flops_ = 0;
  return executed;
}

std::uint32_t Warp::execute(std::uint32_t budget) {
  const Op* const code = kernel_->code.data();
  std::uint32_t executed = 0;
  // Most instructions run for the same lanes as the one before.
  std::uint32_t counted = mask_;
  auto threads = static_cast<std::uint64_t>(std::popcount(counted));
  current_gone_ = false;
  while (executed < budget) {
    const Op& op = code[pc_];
    std::uint32_t active = mask_;
    if (op.guard != kNoRef) {
      const auto word = *reinterpret_cast<const std::uint32_t*>(base[0] + (op.guard & ~3U));
      active &= (op.guard & kNegateBit) != 0 ? ~word : word;
    }
    ++pc_;
    if (!op.expansion) {
      if (active != counted) {
        counted = active;
        threads = static_cast<std::uint64_t>(std::popcount(active));
      }
      ++counters_->warp_instructions[op.instruction_class];
      counters_->thread_instructions[op.instruction_class] += threads;
      flops_ += threads * op.flops;
    }
    ++executed;
    ++executed_;
    if (active != 0) {
      op.handler(*this, op, active);
    }
    if (pc_ >= limit_) {
      break;
    }
  }
  if (!current_gone_) {
    groups_[current_].mask = mask_;
    groups_[current_].pc = pc_;
  }
  return executed;
}

void Warp::drop_current() {
  groups_.erase(groups_.begin() + static_cast<std::ptrdiff_t>(current_));
  current_gone_ = true;
  limit_ = 0;
}

Group& Warp::split(std::uint32_t lanes, std::uint32_t pc) {
  Group other = groups_[current_];
  other.mask = lanes;
  other.pc = pc;
  other.state = Group::State::ready;
  mask_ &= ~lanes;
  limit_ = 0;
  if (mask_ == 0) {
    groups_[current_] = std::move(other);
    current_gone_ = true;  // its pc and mask are already in place
    return groups_[current_];
  }
  groups_.push_back(std::move(other));
  return groups_.back();
}

void Warp::branch(std::uint32_t target, std::uint32_t taken, bool spin) {
  const bool backward = target < pc_;
  if (taken == mask_) {
    pc_ = target;
    // A group below the others no longer runs towards the nearest of them.
    if (groups_.size() > 1) {
      limit_ = 0;
    }
  } else {
    split(taken, target);
  }
  if (spin && backward) {
    yield();
  }
}

void Warp::exit_lanes(std::uint32_t lanes) {
  if (!copies_.empty()) {
    CopyOwner owner(*this);
    copies_.wait_all(lanes, owner);
  }
  live_ &= ~lanes;
  mask_ &= ~lanes;
  if (mask_ == 0) {
    drop_current();
  }
  // Those that waited for the lanes may have all they need now.
  for (Group& group : groups_) {
    if (group.state == Group::State::at_warp_sync) {
      group.state = Group::State::ready;
      limit_ = 0;
    }
  }
  cta_->lanes_exited(*this);
}

}  // namespace rackproof::emulator::exec
