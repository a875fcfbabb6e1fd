#include "emulator/exec/taint.hpp"

#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace rackproof::emulator::exec {
namespace {

template <std::size_t kCount>
bool is_one_of(std::string_view opcode, const std::array<std::string_view, kCount>& opcodes) {
  return std::find(opcodes.begin(), opcodes.end(), opcode) != opcodes.end();
}

// Every result depends on every source.
constexpr std::array<std::string_view, 46> kPropagating = {
    "add",  "sub",   "mul",  "mad", "mul24",    "mad24", "fma",  "div",  "rem",  "abs",
    "neg",  "min",   "max",  "and", "or",       "xor",   "not",  "cnot", "shl",  "shr",
    "mov",  "cvt",   "setp", "set", "selp",     "slct",  "prmt", "lop3", "bfe",  "bfi",
    "popc", "clz",   "brev", "sad", "dp4a",     "dp2a",  "addc", "subc", "madc", "sqrt",
    "rcp",  "rsqrt", "ex2",  "lg2", "copysign", "shf"};
// Instructions after which a trail that none of them has used is given up.
constexpr std::uint32_t kPatience = 2048;
// The first operand is no result.
constexpr std::array<std::string_view, 22> kWithoutResult = {
    "st",         "red",      "bra",       "brx",           "bar",
    "barrier",    "membar",   "fence",     "exit",          "trap",
    "prefetch",   "cp",       "nanosleep", "brkpt",         "stmatrix",
    "wgmma",      "mbarrier", "discard",   "applypriority", "prefetchu",
    "setmaxnreg", "tcgen05"};

bool has_modifier(const ptx::Instruction& instruction, std::string_view modifier) {
  return std::find(instruction.modifiers.begin(), instruction.modifiers.end(), modifier) !=
         instruction.modifiers.end();
}

// Lanes whose word differs from `neutral`.
std::uint32_t lanes_other_than(const LaneContext& values, Ref ref, std::uint32_t neutral) {
  const auto* const row = register_row<std::uint32_t>(values, ref);
  std::uint32_t lanes = 0;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    lanes |= static_cast<std::uint32_t>(row[lane] != neutral) << lane;
  }
  return lanes;
}

}  // namespace

void Taint::begin(const ptx::Instruction& instruction, std::uint32_t lanes, std::string origin) {
  unused_for_ = 0;
  if (origin_.empty()) {
    origin_ = std::move(origin);
  }
  set_result(instruction.operands.front(), lanes, lanes);
}

void Taint::shuffle(const ptx::Instruction& instruction,
                    const std::array<std::uint32_t, kWarpSize>& from, std::uint32_t lanes) {
  const std::uint32_t source = of(instruction.operands[1]);
  std::uint32_t tainted = 0;
  for_each_lane(lanes, [&](std::uint32_t lane) { tainted |= (source >> from[lane] & 1U) << lane; });
  set_result(instruction.operands.front(), tainted, lanes);
  unused_for_ = tainted == 0 ? unused_for_ : 0;
}

std::uint32_t Taint::of(ptx::RegisterIndex index) const {
  const auto found = registers_.find(index);
  return found == registers_.end() ? 0 : found->second;
}

std::uint32_t Taint::of(const ptx::Operand& operand) const {
  if (const auto* const reg = std::get_if<ptx::RegisterOperand>(&operand.value)) {
    return of(reg->index);
  }
  if (const auto* const vector = std::get_if<ptx::VectorOperand>(&operand.value)) {
    std::uint32_t lanes = 0;
    for (const ptx::Operand& element : vector->elements) {
      lanes |= of(element);
    }
    return lanes;
  }
  return 0;
}

void Taint::set(const ptx::Operand& operand, std::uint32_t lanes, std::uint32_t active) {
  const auto set_all = [&](const std::vector<ptx::Operand>& elements) {
    for (const ptx::Operand& element : elements) {
      set(element, lanes, active);
    }
  };
  if (const auto* const vector = std::get_if<ptx::VectorOperand>(&operand.value)) {
    set_all(vector->elements);
  } else if (const auto* const pair = std::get_if<ptx::PairOperand>(&operand.value)) {
    set_all(pair->elements);
  } else if (const auto* const reg = std::get_if<ptx::RegisterOperand>(&operand.value)) {
    const std::uint32_t now = (of(reg->index) & ~active) | (lanes & active);
    if (now != 0) {
      registers_[reg->index] = now;
    } else {
      registers_.erase(reg->index);
    }
  }
}

// Of `result|predicate` the result alone.
void Taint::set_result(const ptx::Operand& operand, std::uint32_t lanes, std::uint32_t active) {
  const auto* const pair = std::get_if<ptx::PairOperand>(&operand.value);
  set(pair != nullptr ? pair->elements.front() : operand, lanes, active);
}

// A value that a select does not take, or that an and/or with the other side outweighs, is not
// used.
std::uint32_t Taint::result(const LaneContext& values, const Op& op,
                            const ptx::Instruction& instruction) const {
  const auto& operands = instruction.operands;
  if (op.handler != nullptr && instruction.opcode == "selp" && operands.size() == 4) {
    const std::uint32_t chosen = read_predicate(values, op.c);
    return of(operands[3]) | (of(operands[1]) & chosen) | (of(operands[2]) & ~chosen);
  }
  const bool is_and = instruction.opcode == "and";
  if ((is_and || instruction.opcode == "or") && operands.size() == 3) {
    const std::uint32_t a = of(operands[1]);
    const std::uint32_t b = of(operands[2]);
    if (has_modifier(instruction, "pred")) {
      const std::uint32_t x = read_predicate(values, op.a);
      const std::uint32_t y = read_predicate(values, op.b);
      return (a & b) | (a & (is_and ? y : ~y)) | (b & (is_and ? x : ~x));
    }
    if (has_modifier(instruction, "b32")) {
      const std::uint32_t outweighs = is_and ? 0 : ~std::uint32_t{0};
      return (a & b) | (a & lanes_other_than(values, op.b, outweighs)) |
             (b & lanes_other_than(values, op.a, outweighs));
    }
    return a | b;
  }
  std::uint32_t lanes = 0;
  for (std::size_t i = 1; i < operands.size(); ++i) {
    lanes |= of(operands[i]);
  }
  if (instruction.opcode == "setp" && operands.size() == 4) {
    const std::uint32_t compared = of(operands[1]) | of(operands[2]);
    const std::uint32_t joined = of(operands[3]);
    const std::uint32_t other = read_predicate(values, op.c);
    const bool joins_and = has_modifier(instruction, "and");
    if (joins_and || has_modifier(instruction, "or")) {
      lanes = joined | (compared & (joins_and ? other : ~other));
    }
  }
  return lanes;
}

void Taint::report(std::uint32_t lanes, const char* use) const {
  if (lanes != 0) {
    throw FaultRaised(Fault::Kind::undefined_value, lowest_lane(lanes),
                      std::string(use) + " from " + origin_);
  }
}

bool Taint::follow(const LaneContext& values, const Op& op, const ptx::Instruction& instruction,
                   std::uint32_t active, std::uint32_t present) {
  const std::string_view opcode = instruction.opcode;
  stored_ = 0;
  bool stays_unused = true;
  if (opcode == "call" || opcode == "ret" || opcode == "alloca") {
    return false;
  }
  const std::uint32_t guard = instruction.guard ? of(instruction.guard->predicate) & present : 0;
  if (opcode == "bra" || opcode == "brx") {
    report(guard, "a branch is decided by a value");
  }
  const bool is_atomic = opcode == "atom" || opcode == "red";
  const bool is_store = opcode == "st" || is_atomic;
  if (is_store || opcode == "ld") {
    const std::size_t place = opcode == "ld" || opcode == "atom" ? 1 : 0;
    for (std::size_t i = 0; i < instruction.operands.size(); ++i) {
      const ptx::Operand& operand = instruction.operands[i];
      if (const auto* const address = std::get_if<ptx::AddressOperand>(&operand.value)) {
        if (address->base != ptx::kNoRegister) {
          report(of(address->base) & active, "an address is formed with a value");
        }
      } else if (is_store && i > place) {
        const std::uint32_t lanes = of(operand) & active;
        if (is_atomic) {
          report(lanes, "an atomic takes a value");
        }
        stored_ |= lanes;
      }
    }
    if (is_store) {
      report(guard, "a store is guarded by a value");
    }
  }
  // Only the shuffle itself knows who reads whom.
  if (!instruction.operands.empty() && !is_one_of(opcode, kWithoutResult) && opcode != "shfl") {
    const bool propagates = is_one_of(opcode, kPropagating);
    const std::uint32_t lanes = propagates ? result(values, op, instruction) & active : 0;
    set(instruction.operands.front(), lanes | guard, active | guard);
    stays_unused = lanes == 0;
  }
  unused_for_ = stays_unused && stored_ == 0 ? unused_for_ + 1 : 0;
  return !registers_.empty() && unused_for_ < kPatience;
}

}  // namespace rackproof::emulator::exec
