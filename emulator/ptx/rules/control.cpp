#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Control flow and the rest (PTX ISA 9.7.12, 9.7.19).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"bra", "uni?", "l", ""},
    {"brx", "idx uni?", "s x", ""},
    {"call", "uni?", "*", ""},
    {"ret", "uni?", "", ""},
    {"exit", "", "", ""},
    {"trap", "", "", ""},
    {"brkpt", "", "", ""},
    {"pmevent", "mask?", "i", ""},
    {"nanosleep", "u32", "s", "70"},
    {"setmaxnreg", "inc|dec sync aligned u32", "i", "90a|100f|110f|120f"},
});

}  // namespace

std::span<const InstructionRule> control_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
