#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Video instructions (PTX ISA 9.7.18).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"vadd", "u32|s32 u32|s32 u32|s32 sat?", "d s s", ""},
    {"vadd", "u32|s32 u32|s32 u32|s32 sat? add|min|max?", "d s s s", ""},
    {"vsub", "u32|s32 u32|s32 u32|s32 sat?", "d s s", ""},
    {"vsub", "u32|s32 u32|s32 u32|s32 sat? add|min|max?", "d s s s", ""},
    {"vabsdiff", "u32|s32 u32|s32 u32|s32 sat?", "d s s", ""},
    {"vabsdiff", "u32|s32 u32|s32 u32|s32 sat? add|min|max?", "d s s s", ""},
    {"vmin", "u32|s32 u32|s32 u32|s32 sat?", "d s s", ""},
    {"vmin", "u32|s32 u32|s32 u32|s32 sat? add|min|max?", "d s s s", ""},
    {"vmax", "u32|s32 u32|s32 u32|s32 sat?", "d s s", ""},
    {"vmax", "u32|s32 u32|s32 u32|s32 sat? add|min|max?", "d s s s", ""},
    {"vshl", "u32|s32 u32|s32 u32 sat? clamp|wrap", "d s s", ""},
    {"vshl", "u32|s32 u32|s32 u32 sat? clamp|wrap add|min|max?", "d s s s", ""},
    {"vshr", "u32|s32 u32|s32 u32 sat? clamp|wrap", "d s s", ""},
    {"vshr", "u32|s32 u32|s32 u32 sat? clamp|wrap add|min|max?", "d s s s", ""},
    {"vmad", "u32|s32 u32|s32 u32|s32 po? sat? shr7|shr15?", "d s s s", ""},
    {"vset", "u32|s32 u32|s32 eq|ne|lt|le|gt|ge", "d s s", ""},
    {"vset", "u32|s32 u32|s32 eq|ne|lt|le|gt|ge add|min|max?", "d s s s", ""},
    {"vset2", "u32|s32 u32|s32 eq|ne|lt|le|gt|ge add?", "d s s s", ""},
    {"vset4", "u32|s32 u32|s32 eq|ne|lt|le|gt|ge add?", "d s s s", ""},
    {"vadd2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vsub2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vavrg2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vabsdiff2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vmin2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vmax2", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vadd4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vsub4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vavrg4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vabsdiff4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vmin4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
    {"vmax4", "u32|s32 u32|s32 u32|s32 sat|add?", "d s s s", ""},
});

}  // namespace

std::span<const InstructionRule> video_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
