// alloca, stacksave, stackrestore: PTX ISA 9.0, section 9.7.18. Lanes that run together share one
// end of the stack, the highest that one of them needs.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/warp.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kDefaultAlignment = 8;

// dst: addresses in local memory; a: bytes; immediate: alignment.
void stack_allocate(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const auto alignment = static_cast<std::uint64_t>(op.immediate);
  const std::uint64_t begin = (warp.local_top() + alignment - 1) / alignment * alignment;
  std::uint64_t bytes = 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    bytes = std::max(bytes, register_row<std::uint64_t>(lanes, op.a)[lane]);
  });
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t end = begin + std::min(bytes, kMost);
  warp.set_local_top(static_cast<std::uint32_t>(std::min(end, kMost)));
  for_each_lane(
      mask, [&](std::uint32_t lane) { register_row<std::uint64_t>(lanes, op.dst)[lane] = begin; });
}

void stack_save(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const std::uint32_t top = static_cast<Warp&>(lanes).local_top();
  for_each_lane(
      mask, [&](std::uint32_t lane) { register_row<std::uint64_t>(lanes, op.dst)[lane] = top; });
}

void stack_restore(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  std::uint64_t top = 0;
  for_each_lane(mask, [&](std::uint32_t lane) {
    top = std::max(top, register_row<std::uint64_t>(lanes, op.a)[lane]);
  });
  auto& warp = static_cast<Warp&>(lanes);
  if (top > warp.local_top()) {
    throw FaultRaised(Fault::Kind::illegal_address, lowest_lane(mask),
                      "stackrestore: stacksave never gave this value here");
  }
  warp.set_local_top(static_cast<std::uint32_t>(top));
}

void allocate(Decoder& decoder) {
  std::int64_t alignment = kDefaultAlignment;
  (void)decoder.modifiers().take_type();
  if (decoder.operand_count() > 2) {
    const auto* const literal = std::get_if<ptx::IntegerLiteral>(&decoder.operand(2).value);
    if (literal == nullptr || literal->value <= 0 || (literal->value & (literal->value - 1)) != 0) {
      decoder.refuse("the alignment is a power of two");
    }
    alignment = literal->value;
  }
  const Ref bytes = decoder.source(1, ptx::Type::u64);
  Op& op = decoder.emit(stack_allocate, InstructionClass::other);
  op.dst = decoder.destination(0);
  op.a = bytes;
  op.immediate = alignment;
}

void save(Decoder& decoder) {
  (void)decoder.modifiers().take_type();
  decoder.emit(stack_save, InstructionClass::other).dst = decoder.destination(0);
}

void restore(Decoder& decoder) {
  (void)decoder.modifiers().take_type();
  const Ref top = decoder.source(0, ptx::Type::u64);
  decoder.emit(stack_restore, InstructionClass::other).a = top;
}

}  // namespace

void add_stack(DecodeTable& table) {
  table["alloca"] = allocate;
  table["stacksave"] = save;
  table["stackrestore"] = restore;
}

}  // namespace rackproof::emulator::exec
