#pragma once
/// The rules of instruction_table.hpp as data, one file a family.
/// Source: PTX ISA 9.0, section 9.7: the "Syntax" and "Target ISA Notes" of each instruction.
///
/// modifiers: slots separated by spaces; a slot is alternatives separated by '|', with a final '?'
///   if it may be missing. `$name` stands for a set of instruction_sets.cpp; '*' within a shape
///   stands for every N from 8 to 256 in steps of 8, '#' for those of integer types (steps of 16
///   above 32). ptxas takes modifiers in any order, except that types, layouts and spaces keep
///   theirs.
/// operands: one letter each, with '?' if it may be missing:
///   d register   o register or `_`   _ `_` alone   D register, `_` or d|p   P pair d|p
///   v register or {...}   h cache policy: there if and only if .L2::cache_hint is
///   s register or constant or symbol   p predicate, perhaps negated   m [address]   i integer
///   c {offsets}   0, 6, 8: the constants 0, 16 and 128   l label   x anything
///   * not checked here (call)
/// target: empty for all, or alternatives separated by '|': "80" sm_80 and later, "90a" exactly
///   that target, "100f" the targets of family 10.x that end in a or f.

#include <span>
#include <string_view>

namespace rackproof::emulator::ptx {

struct InstructionRule {
  std::string_view opcode;  ///< with the parts that cannot be moved: "cp.async.bulk.tensor"
  std::string_view modifiers;
  std::string_view operands;
  std::string_view target;
};

[[nodiscard]] std::span<const InstructionRule> integer_rules();
[[nodiscard]] std::span<const InstructionRule> floating_point_rules();
[[nodiscard]] std::span<const InstructionRule> conversion_rules();
[[nodiscard]] std::span<const InstructionRule> memory_rules();
[[nodiscard]] std::span<const InstructionRule> async_rules();
[[nodiscard]] std::span<const InstructionRule> synchronisation_rules();
[[nodiscard]] std::span<const InstructionRule> control_rules();
[[nodiscard]] std::span<const InstructionRule> matrix_rules();
[[nodiscard]] std::span<const InstructionRule> tensor_memory_rules();
[[nodiscard]] std::span<const InstructionRule> video_rules();
[[nodiscard]] std::span<const InstructionRule> texture_rules();

/// What `$name` stands for; empty if there is no such set.
[[nodiscard]] std::string_view modifier_set(std::string_view name);

}  // namespace rackproof::emulator::ptx
