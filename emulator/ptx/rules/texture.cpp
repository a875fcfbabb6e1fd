#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Textures and surfaces (PTX ISA 9.7.10, 9.7.11).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"tex", "1d|2d|3d|a1d|a2d|cube|acube|2dms|a2dms v4 u32|s32|f16|f32 s32|f32", "x m x? x?", ""},
    {"tex", "1d|2d|3d|a1d|a2d|cube|acube|2dms|a2dms v2 f16x2 s32|f32", "x m x? x?", ""},
    {"tex", "base|level|grad 1d|2d|3d|a1d|a2d|cube|acube|2dms|a2dms v4 u32|s32|f16|f32 s32|f32",
     "x m x? x? x? x?", ""},
    {"tex", "base|level|grad 1d|2d|3d|a1d|a2d|cube|acube|2dms|a2dms v2 f16x2 s32|f32",
     "x m x? x? x? x?", ""},
    {"tld4", "r|g|b|a 2d|a2d|cube|acube v4 u32|s32|f32 f32", "x m x? x?", ""},
    {"txq",
     "width|height|depth|channel_data_type|channel_order|normalized_coords|array_size|num_mipmap_"
     "levels|num_samples b32",
     "d m", ""},
    {"txq", "level width|height|depth b32", "d m s", ""},
    {"txq", "force_unnormalized_coords|filter_mode|addr_mode_0|addr_mode_1|addr_mode_2 b32", "d m",
     ""},
    {"suld", "b 1d|2d|3d|a1d|a2d ca|cg|cs|cv? v2|v4? b8|b16|b32|b64 trap|clamp|zero", "v m", ""},
    {"sust", "b 1d|2d|3d|a1d|a2d wb|cg|cs|wt? v2|v4? b8|b16|b32|b64 trap|clamp|zero", "m v", ""},
    {"sust", "p 1d|2d|3d v2|v4? b32 trap|clamp|zero", "m v", ""},
    {"sured", "b add 1d|2d|3d u32|u64|s32 trap|clamp|zero", "m s", ""},
    {"sured", "b min|max 1d|2d|3d u32|s32|u64|s64 trap|clamp|zero", "m s", ""},
    {"sured", "b and|or 1d|2d|3d b32 trap|clamp|zero", "m s", ""},
    {"sured", "p add|min|max|and|or 1d|2d|3d b32|b64 trap|clamp|zero", "m s", ""},
    {"suq", "width|height|depth|channel_data_type|channel_order|array_size|memory_layout b32",
     "d m", ""},
});

}  // namespace

std::span<const InstructionRule> texture_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
