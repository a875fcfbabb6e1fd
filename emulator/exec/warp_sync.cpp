// Groups of a warp that wait for each other, and for barriers of the CTA.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/warp.hpp"

#include <algorithm>
#include <string>

namespace rackproof::emulator::exec {

std::uint32_t Warp::gather(const std::uint32_t* members, std::uint32_t active) {
  if ((live_ & ~active) == 0) {
    return active;
  }
  std::uint32_t ready = 0;
  for (std::uint32_t rest = active; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    ready |= static_cast<std::uint32_t>((members[lane] & live_ & ~active) == 0) << lane;
  }
  if (const std::uint32_t waiting = active & ~ready; waiting != 0) {
    const auto first = static_cast<std::uint32_t>(std::countr_zero(waiting));
    Group& group = split(waiting, pc_ - 1);
    group.state = Group::State::at_warp_sync;
    group.sync_members = members[first];
    group.meets_anywhere = false;
  }
  return ready;
}

std::uint32_t Warp::gather_anywhere(const std::uint32_t* members, std::uint32_t active) {
  const auto first = static_cast<std::uint32_t>(std::countr_zero(active));
  const std::uint32_t wanted = members[first] & live_;
  std::uint32_t present = active;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    if (i != current_ && group.state == Group::State::at_warp_sync && group.meets_anywhere &&
        group.sync_members == members[first]) {
      present |= group.mask;
    }
  }
  if ((wanted & ~present) == 0 && (wanted & active) == (active & live_)) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      Group& group = groups_[i];
      if (i != current_ && group.state == Group::State::at_warp_sync && group.meets_anywhere &&
          group.sync_members == members[first]) {
        group.state = Group::State::ready;
        ++group.pc;
        limit_ = 0;
      }
    }
    return active;
  }
  const std::uint32_t ready = gather(members, active);
  if (ready != active) {
    for (Group& group : groups_) {
      if (group.state == Group::State::at_warp_sync && (group.mask & active & ~ready) != 0) {
        group.meets_anywhere = true;
      }
    }
  }
  return ready;
}

void Warp::repeat() {
  --pc_;
  yield();
  if (polls_) {
    polls_->turn(mask_, state_at(pc_, mask_));
  }
}

void Warp::watch(bool on) {
  polls_ = on ? std::make_unique<PollLog>() : nullptr;
}

bool Warp::is_stalled(std::uint32_t times) const {
  // wgmma in flight changes nothing that others wait for.
  if (!polls_ || !copies_.empty()) {
    return live_ == 0;
  }
  // Who turns in circles may be found at a barrier, too.
  return std::all_of(groups_.begin(), groups_.end(), [&](const Group& group) {
    const std::uint32_t moving =
        group.state == Group::State::ready ? group.mask : group.mask & polls_->turned();
    return polls_->repeats(moving, times);
  });
}

// All that the next steps of the warp depend on, except for memory.
std::uint64_t Warp::state_at(std::uint32_t target, std::uint32_t lanes) const {
  const auto place = [](std::uint32_t pc, std::uint32_t mask, std::uint32_t depth) {
    const std::uint64_t parts[2] = {std::uint64_t{pc} << 32 | mask, depth};
    return hash_words(reinterpret_cast<const std::byte*>(parts), sizeof parts, 0);
  };
  std::uint64_t places = 0;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const Group& group = groups_[i];
    const std::uint32_t depth = call_depth(group) << 2 | static_cast<std::uint32_t>(group.state);
    places += i == current_ ? place(pc_, mask_ & ~lanes, depth) + place(target, lanes, depth)
                            : place(group.pc, group.mask, depth);
  }
  return hash_words(registers_.data(), registers_.size(), places);
}

void Warp::arrive_aligned(std::uint32_t lanes) {
  const std::uint32_t pc = pc_ - 1;
  for (const Group& group : groups_) {
    const bool is_aligned = group.state == Group::State::at_barrier &&
                            (kernel_->code[group.pc - 1].flags & op_flags::kAligned) != 0;
    if (is_aligned && group.pc - 1 != pc) {
      throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(lanes),
                        "a barrier in divergent code: lanes " + hex(group.mask) +
                            " of this warp wait at another, " +
                            describe_instruction(cta_->grid(), group.pc - 1) +
                            "; all threads of a warp have to execute the same one");
    }
  }
  if (divergent_ && divergent_->pc() == pc) {
    if (divergent_->arrive(lanes, live_)) {
      divergent_.reset();
    }
  } else if (lanes != live_) {
    divergent_ = std::make_unique<DivergentBarrier>(pc, lanes);
  } else {
    divergent_.reset();
  }
}

void Warp::check_divergent_write(std::uint32_t lanes) {
  if (divergent_->write(pc_ - 1, lanes)) {
    throw FaultRaised(Fault::Kind::illegal_instruction, lowest_lane(lanes),
                      "a barrier in divergent code: lanes " + hex(divergent_->passed_by()) +
                          " of this warp were here while this one waited at the barrier of " +
                          describe_instruction(cta_->grid(), divergent_->pc()) +
                          "; all threads of a warp have to execute the same one");
  }
}

void Warp::wait_at_barrier(std::uint32_t lanes, std::uint32_t barrier, Ref result) {
  Group& group = split(lanes, pc_);
  group.state = Group::State::at_barrier;
  group.barrier = barrier;
  group.barrier_result = result;
}

std::uint32_t Warp::lanes_at_barrier(std::uint32_t barrier) const {
  std::uint32_t lanes = 0;
  for (const Group& group : groups_) {
    if (group.state == Group::State::at_barrier && group.barrier == barrier) {
      lanes |= group.mask;
    }
  }
  return lanes;
}

void Warp::release_barrier(std::uint32_t barrier, bool value, std::uint32_t count, bool is_count) {
  for (Group& group : groups_) {
    if (group.state != Group::State::at_barrier || group.barrier != barrier) {
      continue;
    }
    group.state = Group::State::ready;
    limit_ = 0;
    if (divergent_ && !divergent_->release(group.mask)) {
      divergent_.reset();
    }
    if (group.barrier_result == kNoRef) {
      continue;
    }
    std::byte* row = registers_.data() + group.frame_base + (group.barrier_result & ~3U);
    auto* words = reinterpret_cast<std::uint32_t*>(row);
    if (is_count) {
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        words[lane] = (group.mask >> lane & 1U) != 0 ? count : words[lane];
      }
    } else {
      *words = value ? *words | group.mask : *words & ~group.mask;
    }
  }
}

}  // namespace rackproof::emulator::exec
