#include "emulator/exec/warp.hpp"

#include "emulator/exec/cluster.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

// A group that runs this long while others are ready is put aside.
constexpr std::uint32_t kGroupSlice = 4096;
constexpr std::size_t kUsualGroups = 4;
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
  base[1] = cta.constants();
  Group start;
  start.mask = lanes_present;
  start.pc = kernel_->functions[0].entry;
  groups_.reserve(kUsualGroups);
  groups_.push_back(std::move(start));
}

std::byte* Warp::local_memory(std::uint32_t lane) const {
  return local_.data() + std::size_t{lane} * local_bytes_;
}

bool Warp::runnable() const {
  return std::any_of(groups_.begin(), groups_.end(),
                     [](const Group& group) { return group.state == Group::State::ready; });
}

void Warp::leave() {
  if (!inside_) {
    return;
  }
  inside_ = false;
  Group& group = groups_[current_];
  group.mask = mask_;
  group.pc = pc_;
  group.ran = is_alone_ ? 0 : group.ran + (executed_ - entered_at_);
  if (group.ran >= kGroupSlice) {
    group.ran = 0;
    rotate_ = true;
  }
}

// Joins into `index` every group that stands at the same instruction of the same call. Returns
// where that group is now.
std::size_t Warp::merge(std::size_t index) {
  for (std::size_t other = 0; other < groups_.size();) {
    const Group& candidate = groups_[other];
    const bool joins = candidate.pc == groups_[index].pc && other != index &&
                       candidate.state != Group::State::at_barrier &&
                       candidate.frame_base == groups_[index].frame_base &&
                       same_frames(candidate.caller.get(), groups_[index].caller.get());
    if (!joins) {
      ++other;
      continue;
    }
    groups_[index].mask |= candidate.mask;
    groups_[index].local_top = std::max(groups_[index].local_top, candidate.local_top);
    groups_[index].state = Group::State::ready;
    const std::size_t last = groups_.size() - 1;
    remove(other);
    index = index == last ? other : index;
  }
  return index;
}

void Warp::remove(std::size_t index) {
  if (index + 1 != groups_.size()) {
    groups_[index] = std::move(groups_.back());
  }
  groups_.pop_back();
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
  rotate_ = false;
  if (chosen == kNone) {
    return false;
  }
  enter(groups_.size() > 1 ? merge(chosen) : chosen);
  return true;
}

void Warp::enter(std::size_t index) {
  current_ = index;
  Group& group = groups_[index];
  mask_ = group.mask;
  pc_ = group.pc;
  base[0] = registers_.data() + group.frame_base;
  group.last_run = ++tick_;
  entered_at_ = executed_;
  is_alone_ = groups_.size() == 1;
  inside_ = true;
  limit_ = kNoLimit;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    if (i != current_ && groups_[i].state != Group::State::at_barrier && groups_[i].pc > pc_) {
      limit_ = std::min(limit_, groups_[i].pc);
    }
  }
}

void Warp::step_copies() {
  if (!copies_.empty()) {
    CopyOwner owner(*this);
    copies_.step(owner);
  }
  if (!wgmma_.idle()) {
    wgmma_.step();
  }
}

std::uint32_t Warp::run(std::uint32_t budget) {
  yielded_ = false;
  passed_gate_ = false;
  turn_over_ = false;
  const bool goes_on = std::exchange(stopped_, false);
  step_copies();
  executed_ = 0;
  if (goes_on) {
    // The group that came to the gate has its turn still.
    enter(current_);
  }
  if (goes_on || (live_ != 0 && select())) {
    execute(budget);
    leave();
  }
  // The others have their turn when this group polls.
  rotate_ = rotate_ || yielded_;
  counters_->fp32_flops += static_cast<double>(flops_);
  flops_ = 0;
  executed_before_ += executed_;
  return std::exchange(executed_, 0);
}

void Warp::execute(std::uint32_t budget) {
  const Op* const code = kernel_->code.data();
  // Most instructions run for the same lanes as the one before.
  std::uint32_t counted = mask_;
  std::uint32_t threads = count_lanes(counted);
  while (executed_ < budget) {
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
        threads = count_lanes(active);
      }
      ++counters_->warp_instructions[op.instruction_class];
      counters_->thread_instructions[op.instruction_class] += threads;
      flops_ += threads * op.flops;
    }
    ++executed_;
    if (taint_) [[unlikely]] {
      if (!taint_->follow(*this, op, *kernel_->source[pc_ - 1], active, mask_)) {
        taint_.reset();
      }
    }
    if (active != 0) {
      op.handler(*this, op, active);
    }
    if (pc_ >= limit_) {
      leave();
      if (yielded_ || stopped_ || turn_over_ || live_ == 0 || !select()) {
        return;
      }
    }
  }
}

void Warp::taint(std::uint32_t lanes, std::string origin) {
  if (!taint_) {
    taint_ = std::make_unique<Taint>();
  }
  taint_->begin(*kernel_->source[pc_ - 1], lanes, std::move(origin));
}

void Warp::stop_at_gate() {
  stopped_ = true;
  --pc_;
  limit_ = 0;
}

void Warp::drop_current() {
  remove(current_);
  inside_ = false;
  limit_ = 0;
}

Group& Warp::split(std::uint32_t lanes, std::uint32_t pc) {
  limit_ = 0;
  mask_ &= ~lanes;
  if (mask_ == 0) {
    // All of it goes there.
    inside_ = false;
  } else {
    groups_.push_back(groups_[current_]);
  }
  Group& other = mask_ == 0 ? groups_[current_] : groups_.back();
  other.mask = lanes;
  other.pc = pc;
  other.state = Group::State::ready;
  return other;
}

void Warp::branch(std::uint32_t target, std::uint32_t taken, bool spin) {
  const bool backward = target < pc_;
  if (polls_ && backward) [[unlikely]] {
    polls_->turn(taken, state_at(target, taken));
  }
  if (divergent_ && backward && !divergent_->go_back(taken)) [[unlikely]] {
    divergent_.reset();
  }
  if (taken == mask_) {
    pc_ = target;
    // A group below the others no longer runs towards the nearest of them.
    if (!is_alone_) {
      limit_ = 0;
    }
  } else {
    split(taken, target);
  }
  if (spin && backward) {
    yield();
  }
}

// Steps grow with the time spent in the loop, so a wait lasts at most an eighth too long.
void Warp::let_time_pass() {
  constexpr std::uint64_t kMostClocks = 1U << 20;
  const std::uint64_t now = executed_before_ + executed_;
  const std::uint64_t length = now - clock_loop_.last;
  const std::uint64_t step = clock_loop_.step + clock_loop_.step / 8 + 1;
  clock_loop_ = {now, length, length == clock_loop_.length ? std::min(step, kMostClocks) : 0};
  cta_->let_time_pass(clock_loop_.step);
}

void Warp::exit_lanes(std::uint32_t lanes) {
  if (!copies_.empty()) {
    CopyOwner owner(*this);
    copies_.wait_all(lanes, owner);
  }
  if (!bulk_groups_.empty()) {
    bulk_groups_.finish(lanes, cta_->cluster().operations());
  }
  cta_->grid().changed = true;
  if (divergent_) [[unlikely]] {
    divergent_->exit(lanes);
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
