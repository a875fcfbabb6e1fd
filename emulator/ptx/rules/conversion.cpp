#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Data movement between registers, addresses and formats (PTX ISA 9.7.9).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"mov", "pred|$scalar|b128", "v x", ""},
    {"mov", "v2|v4 b16|b32|u16|u32|s16|s32|f32", "v x", ""},
    {"mov", "v2 $memory_64", "v x", ""},
    {"cvt", "sat? u8|u16|u32|u64|s8|s16|s32|s64 u8|u16|u32|u64|s8|s16|s32|s64", "d s", ""},
    {"cvt", "$irnd ftz? sat? u8|u16|u32|u64|s8|s16|s32|s64 f32", "d s", ""},
    {"cvt", "$irnd sat? u8|u16|u32|u64|s8|s16|s32|s64 f16|f64", "d s", ""},
    {"cvt", "$irnd sat? u8|u16|u32|u64|s8|s16|s32|s64 bf16", "d s", "90"},
    {"cvt", "$rnd sat? f16|f32|f64 u8|u16|u32|u64|s8|s16|s32|s64", "d s", ""},
    {"cvt", "$rnd bf16 u8|u16|u32|u64|s8|s16|s32|s64", "d s", "90"},
    {"cvt", "$rnd ftz? sat? f16 f32", "d s", ""},
    {"cvt", "$rnd sat? f16 f64", "d s", ""},
    {"cvt", "$rnd ftz? sat? f32 f64", "d s", ""},
    {"cvt", "ftz? sat? f32 f16", "d s", ""},
    {"cvt", "sat? f64 f16", "d s", ""},
    {"cvt", "ftz? sat? f64 f32", "d s", ""},
    {"cvt", "sat? f64 f64", "d s", ""},
    {"cvt", "$irnd? ftz? sat? f32 f32", "d s", ""},
    {"cvt", "$irnd sat? f64 f64", "d s", ""},
    {"cvt", "$irnd? sat? f16 f16", "d s", ""},
    {"cvt", "$irnd? bf16 bf16", "d s", "90"},
    {"cvt", "$rnd bf16 f16|f64", "d s", "90"},
    {"cvt", "$rnd? f16 bf16", "d s", "90"},
    {"cvt", "rm|rp bf16 f32", "d s", "90"},
    {"cvt", "f64 bf16", "d s", "90"},
    {"cvt", "f32 bf16", "d s", "80"},
    {"cvt", "rn|rz relu? satfinite? f16|bf16 f32", "d s", "80"},
    {"cvt", "rn|rz relu? satfinite? f16x2|bf16x2 f32", "d s s", "80"},
    {"cvt", "rs relu? satfinite? f16x2|bf16x2 f32", "d s s s", "100a|103a"},
    {"cvt", "rna satfinite? tf32 f32", "d s", "80"},
    {"cvt", "rn|rz relu? tf32 f32", "d s", "90"},
    {"cvt", "rn|rz satfinite relu? tf32 f32", "d s", "100"},
    {"cvt", "rn satfinite relu? e4m3x2|e5m2x2 f32", "d s s", "89"},
    {"cvt", "rn satfinite relu? e4m3x2|e5m2x2 f16x2", "d s", "89"},
    {"cvt", "rn relu? f16x2 e4m3x2|e5m2x2", "d s", "89"},
    {"cvt", "rs relu? satfinite e4m3x4|e5m2x4|e2m3x4|e3m2x4|e2m1x4 f32", "d v s", "100a|103a"},
    {"cvt", "rn satfinite relu? e2m1x2|e2m3x2|e3m2x2 f32", "d s s", "100f|110f|120f"},
    {"cvt", "rn relu? f16x2 e2m1x2|e2m3x2|e3m2x2", "d s", "100f|110f|120f"},
    {"cvt", "rz|rp satfinite? ue8m0x2 f32", "d s s", "100f|110f|120f"},
    {"cvt", "rz|rp satfinite? ue8m0x2 bf16x2", "d s", "100f|110f|120f"},
    {"cvt", "rn bf16x2 ue8m0x2", "d s", "100f|110f|120f"},
    {"cvt.pack", "sat u16|s16 s32", "d s s", "72"},
    {"cvt.pack", "sat u2|s2|u4|s4|u8|s8 s32 b32", "d s s s", "72"},
    {"cvta", "const|global|local|$any_shared|param|param::entry u64", "d s", ""},
    {"cvta", "to const|global|local|$any_shared|param|param::entry u64", "d s", ""},
    {"isspacep", "const|global|local|$any_shared|param|param::entry", "d s", ""},
    {"istypep", "texref|samplerref|surfref", "d s", ""},
    {"mapa", "shared::cluster? u32|u64", "d s s", "90"},
    {"getctarank", "shared::cluster? u32|u64", "d s", "90"},
});

}  // namespace

std::span<const InstructionRule> conversion_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
