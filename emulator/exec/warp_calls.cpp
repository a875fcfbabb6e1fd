// Calls: each lane's frames stack in its own column of the register file.
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/warp.hpp"

#include <algorithm>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kMaxCallDepth = 1024;
// CUDA programming guide, technical specifications per compute capability.
constexpr std::uint32_t kMaxLocalBytes = 512 * 1024;

// Where a frame of `callee` lies for group `own`: at `wanted`, unless a frame of another function
// is there for another group. Its rows are laid out otherwise, so that lanes would meet.
template <class Groups>
std::uint32_t place_frame(const Groups& groups, std::size_t own, const DecodedKernel& kernel,
                          std::uint32_t callee, std::uint32_t wanted) {
  const std::uint32_t end = wanted + kernel.functions[callee].frame_bytes;
  std::uint32_t top = wanted;
  bool is_free = true;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i == own) {
      continue;
    }
    std::uint32_t base = groups[i].frame_base;
    for (const CallFrame* frame = groups[i].caller.get();; frame = frame->parent.get()) {
      const std::uint32_t function = frame != nullptr ? frame->callee : 0;
      const std::uint32_t frame_end = base + kernel.functions[function].frame_bytes;
      top = std::max(top, frame_end);
      const bool is_alike = base == wanted && function == callee;
      is_free = is_free && (is_alike || frame_end <= wanted || base >= end);
      if (frame == nullptr) {
        break;
      }
      base = frame->frame_base;
    }
  }
  return is_free ? wanted : top;
}

}  // namespace

void Warp::call(const CallSite& site, const FunctionCode& callee, std::uint32_t lanes) {
  if (lanes != mask_) {
    // The others go on behind the call; these get a group of their own at the call.
    split(lanes, pc_ - 1);
    return;
  }
  Group& group = groups_[current_];
  const auto caller_index = group.caller ? group.caller->callee : 0;
  const FunctionCode& caller = kernel_->functions[caller_index];
  auto frame = std::make_shared<CallFrame>();
  frame->parent = group.caller;
  frame->return_pc = pc_;
  frame->frame_base = group.frame_base;
  frame->local_base = group.local_base;
  frame->local_top = group.local_top;
  frame->callee = static_cast<std::uint32_t>(&callee - kernel_->functions.data());
  frame->site = &site;
  frame->depth = call_depth(group) + 1;
  if (frame->depth > kMaxCallDepth) {
    throw FaultRaised(
        Fault::Kind::stack_overflow, static_cast<std::uint32_t>(std::countr_zero(lanes)),
        "more than " + std::to_string(kMaxCallDepth) + " calls deep in " + callee.name);
  }
  const std::uint32_t new_base = place_frame(groups_, current_, *kernel_, frame->callee,
                                             group.frame_base + caller.frame_bytes);
  const std::uint32_t new_local = local_top();
  grow(new_base + callee.frame_bytes, new_local + callee.local_bytes);
  std::byte* const from = registers_.data() + group.frame_base;
  std::byte* const to = registers_.data() + new_base;
  for (std::size_t i = 0; i < site.arguments.size() && i < callee.parameters.size(); ++i) {
    copy_argument(from, to, site.arguments[i], callee.parameters[i], lanes, false);
  }
  group.caller = std::move(frame);
  group.frame_base = new_base;
  group.local_base = new_local;
  group.local_top = 0;
  base[0] = to;
  pc_ = callee.entry;
  limit_ = 0;
}

void Warp::return_lanes(std::uint32_t lanes) {
  if (groups_[current_].caller == nullptr) {
    exit_lanes(lanes);
    return;
  }
  if (lanes != mask_) {
    split(lanes, pc_ - 1);
    return;
  }
  Group& group = groups_[current_];
  const auto frame = group.caller;
  const FunctionCode& callee = kernel_->functions[frame->callee];
  std::byte* const from = registers_.data() + group.frame_base;
  std::byte* const to = registers_.data() + frame->frame_base;
  for (std::size_t i = 0; i < frame->site->returns.size() && i < callee.returns.size(); ++i) {
    copy_argument(to, from, frame->site->returns[i], callee.returns[i], lanes, true);
  }
  group.caller = frame->parent;
  group.frame_base = frame->frame_base;
  group.local_base = frame->local_base;
  group.local_top = frame->local_top;
  base[0] = to;
  pc_ = frame->return_pc;
  limit_ = 0;
}

std::uint32_t Warp::local_top() const {
  const Group& group = groups_[current_];
  const std::size_t function = group.caller ? group.caller->callee : 0;
  return group.local_top != 0 ? group.local_top
                              : group.local_base + kernel_->functions[function].local_bytes;
}

void Warp::set_local_top(std::uint32_t top) {
  if (top > kMaxLocalBytes) {
    throw FaultRaised(Fault::Kind::stack_overflow,
                      static_cast<std::uint32_t>(std::countr_zero(mask_)),
                      "alloca: " + std::to_string(top) + " bytes of local memory, a thread has " +
                          std::to_string(kMaxLocalBytes) + " at most");
  }
  grow(static_cast<std::uint32_t>(registers_.size()), top);
  base[0] = registers_.data() + groups_[current_].frame_base;
  groups_[current_].local_top = top;
}

void Warp::grow(std::uint32_t register_bytes, std::uint32_t local_bytes) {
  registers_.resize(register_bytes);
  if (local_bytes > local_bytes_) {
    const std::uint32_t wanted = std::max(local_bytes, 2 * local_bytes_);
    AlignedBuffer bigger(std::size_t{wanted} * kWarpSize);
    for (std::uint32_t lane = 0; lane < kWarpSize && local_bytes_ != 0; ++lane) {
      std::copy_n(local_memory(lane), local_bytes_, bigger.data() + std::size_t{lane} * wanted);
    }
    local_ = std::move(bigger);
    local_bytes_ = wanted;
  }
}

void Warp::copy_argument(std::byte* caller, std::byte* callee, const CallSite::Argument& argument,
                         const FrameVariable& formal, std::uint32_t lanes, bool is_return) const {
  for (std::uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    std::byte* inner = callee + formal.offset + std::size_t{lane} * formal.stride;
    if (argument.is_register) {
      if (argument.reference == kNoRef) {
        continue;
      }
      std::byte* const row = (argument.reference & kConstantBit) != 0 ? base[1] : caller;
      std::byte* outer = row + (argument.reference & ~3U) + std::size_t{lane} * argument.width;
      std::copy_n(is_return ? inner : outer, std::min(argument.width, formal.stride),
                  is_return ? outer : inner);
    } else {
      std::byte* outer =
          caller + argument.variable.offset + std::size_t{lane} * argument.variable.stride;
      std::copy_n(is_return ? inner : outer,
                  std::min(argument.variable.size_bytes, formal.size_bytes),
                  is_return ? outer : inner);
    }
  }
}

}  // namespace rackproof::emulator::exec
