// Instructions that lanes execute together: PTX ISA 9.0, sections 9.7.9.6 (shfl) and 9.7.13.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/places.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace rackproof::emulator::exec {
namespace {

void order_warp(Warp& warp) {
  if (check::CtaChecker* const checker = warp.cta().checker()) {
    checker->warp_sync(warp.index());
  }
}

// PTX ISA 9.0, 9.7.9.6 and the other .sync instructions: undefined if the executing thread is not
// among the members.
void require_own_lane(Warp& warp, Ref members, std::uint32_t mask) {
  if (!warp.cta().grid().config.checks.synchronisation) {
    return;
  }
  const auto* const row = register_row<std::uint32_t>(warp, members);
  std::uint32_t own = 0;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    own |= row[lane] & 1U << lane;
  }
  if (const std::uint32_t outside = mask & ~own; outside != 0) {
    const std::uint32_t lane = lowest_lane(outside);
    throw FaultRaised(Fault::Kind::illegal_instruction, lane,
                      "lane " + std::to_string(lane) + " executes it with member mask " +
                          hex(row[lane]) + ", which does not contain that lane");
  }
}

// PTX ISA 9.0, 9.7.9.6: what comes from a lane that does not take part is undefined. Reductions
// read such lanes, too, and ignore what they get.
void note_sources(Warp& warp, const Shuffled& shuffled, std::uint32_t ready) {
  const std::uint32_t astray = shuffled.astray & ready;
  if (astray == 0 || !warp.cta().grid().config.checks.synchronisation) {
    return;
  }
  const std::uint32_t lane = lowest_lane(astray);
  warp.taint(astray, describe_instruction(warp.cta().grid(), warp.pc() - 1) + ", which lane " +
                         std::to_string(lane) + " reads from lane " +
                         std::to_string(shuffled.from[lane]) +
                         ", which does not take part (PTX ISA 9.7.9.6)");
}

// Lanes that may execute now; those whose partners are not here yet were put aside.
std::uint32_t gather(Warp& warp, Ref members, std::uint32_t mask) {
  require_own_lane(warp, members, mask);
  const std::uint32_t ready = warp.gather(register_row<std::uint32_t>(warp, members), mask);
  if (ready != 0) {
    order_warp(warp);
  }
  return ready;
}

// Calls action(group) for every distinct member mask; group: its lanes among `ready`.
template <class Action>
void for_each_group(const Warp& warp, Ref members, std::uint32_t ready, Action&& action) {
  const auto* row = register_row<std::uint32_t>(warp, members);
  while (ready != 0) {
    const std::uint32_t wanted = row[lowest_lane(ready)];
    std::uint32_t group = 0;
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      group |= static_cast<std::uint32_t>(row[lane] == wanted) << lane;
    }
    group &= ready;
    action(group);
    ready &= ~group;
  }
}

template <class T>
T reduce_pair(ReduxOp op, T x, T y) {
  const auto sx = static_cast<std::int32_t>(x);
  const auto sy = static_cast<std::int32_t>(y);
  switch (op) {
    case ReduxOp::add:
      return x + y;
    case ReduxOp::min_u32:
      return std::min(x, y);
    case ReduxOp::max_u32:
      return std::max(x, y);
    case ReduxOp::min_s32:
      return static_cast<T>(std::min(sx, sy));
    case ReduxOp::max_s32:
      return static_cast<T>(std::max(sx, sy));
    case ReduxOp::and_:
      return x & y;
    case ReduxOp::or_:
      return x | y;
    default:
      return x ^ y;
  }
}

}  // namespace

void shuffle(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const std::uint32_t ready = gather(warp, op.d, mask);
  if (ready == 0) {
    return;
  }
  auto* const dst = op.dst == kNoRef ? nullptr : register_row<std::uint32_t>(lanes, op.dst);
  const Shuffled shuffled = lane_ops().shuffle(
      register_row<std::uint32_t>(lanes, op.a), register_row<std::uint32_t>(lanes, op.b),
      register_row<std::uint32_t>(lanes, op.c), register_row<std::uint32_t>(lanes, op.d),
      static_cast<ShuffleMode>(op.mode), ready, dst);
  warp.taint_shuffled(shuffled.from, ready);
  if (dst != nullptr) {
    note_sources(warp, shuffled, ready);
  }
  write_predicate(lanes, warp.kernel().refs[op.list], shuffled.in_range, ready);
}

void vote(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const std::uint32_t predicate = read_predicate(lanes, op.a);
  const std::uint32_t ready = gather(warp, op.b, mask);
  for_each_group(warp, op.b, ready, [&](std::uint32_t group) {
    const std::uint32_t yes = predicate & group;
    if (op.mode == 3) {
      auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
      for_each_lane(group, [&](std::uint32_t lane) { dst[lane] = yes; });
      return;
    }
    const bool value = op.mode == 0   ? yes == group
                       : op.mode == 1 ? yes != 0
                                      : yes == 0 || yes == group;
    write_predicate(lanes, op.dst, value ? kFullMask : 0, group);
  });
}

void match(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  std::array<std::uint64_t, kWarpSize> value{};
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    value[lane] = op.size == 8 ? register_row<std::uint64_t>(lanes, op.a)[lane]
                               : register_row<std::uint32_t>(lanes, op.a)[lane];
  }
  const std::uint32_t ready = gather(warp, op.b, mask);
  auto* const dst = op.dst == kNoRef ? nullptr : register_row<std::uint32_t>(lanes, op.dst);
  for_each_group(warp, op.b, ready, [&](std::uint32_t group) {
    std::array<std::uint32_t, kWarpSize> equal{};
    for_each_lane(group, [&](std::uint32_t lane) {
      for_each_lane(group, [&](std::uint32_t other) {
        equal[lane] |= static_cast<std::uint32_t>(value[other] == value[lane]) << other;
      });
    });
    const bool all = equal[lowest_lane(group)] == group;
    for_each_lane(group, [&](std::uint32_t lane) {
      if (dst != nullptr) {
        dst[lane] = op.mode == 0 ? equal[lane] : all ? group : 0;
      }
    });
    write_predicate(lanes, op.d, all ? kFullMask : 0, group);
  });
}

void active_mask(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  for_each_lane(mask, [&](std::uint32_t lane) { dst[lane] = mask; });
}

void redux(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto kind = static_cast<ReduxOp>(op.mode);
  const std::uint32_t ready = gather(warp, op.b, mask);
  const auto* value = register_row<std::uint32_t>(lanes, op.a);
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  for_each_group(warp, op.b, ready, [&](std::uint32_t group) {
    std::uint32_t result = value[lowest_lane(group)];
    if (kind == ReduxOp::min_f32 || kind == ReduxOp::max_f32) {
      const bool absolute = op.immediate != 0;
      const bool nan_wins = (op.flags & op_flags::kNan) != 0;
      bool any_nan = false;
      bool have = false;
      float best = 0;
      for_each_lane(group, [&](std::uint32_t lane) {
        float x = std::bit_cast<float>(value[lane]);
        x = absolute ? std::fabs(x) : x;
        any_nan = any_nan || x != x;
        const bool sooner = x < best || (x == best && std::signbit(x) && !std::signbit(best));
        const bool later = x > best || (x == best && !std::signbit(x) && std::signbit(best));
        if (x == x && (!have || (kind == ReduxOp::min_f32 ? sooner : later))) {
          best = x;
          have = true;
        }
      });
      result = !have || (any_nan && nan_wins) ? 0x7fffffffU : std::bit_cast<std::uint32_t>(best);
    } else {
      for_each_lane(group & (group - 1),
                    [&](std::uint32_t lane) { result = reduce_pair(kind, result, value[lane]); });
    }
    for_each_lane(group, [&](std::uint32_t lane) { dst[lane] = result; });
  });
}

void elect(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const std::uint32_t ready = gather(warp, op.a, mask);
  for_each_group(warp, op.a, ready, [&](std::uint32_t group) {
    const std::uint32_t leader = lowest_lane(group);
    if (op.dst != kNoRef) {
      auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
      for_each_lane(group, [&](std::uint32_t lane) { dst[lane] = leader; });
    }
    write_predicate(lanes, op.d, 1U << leader, group);
  });
}

void warp_barrier(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  require_own_lane(warp, op.a, mask);
  if (warp.gather_anywhere(register_row<std::uint32_t>(lanes, op.a), mask) != 0) {
    order_warp(warp);
  }
}

}  // namespace rackproof::emulator::exec
