#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Integer arithmetic, logic and shifts, comparison and selection (PTX ISA 9.7.1, 9.7.2, 9.7.6
// to 9.7.8).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"add", "$int", "d s s", ""},
    {"add", "u16x2|s16x2", "d s s", "90"},
    {"add", "sat s32", "d s s", ""},
    {"sub", "$int", "d s s", ""},
    {"sub", "sat s32", "d s s", ""},
    {"mul", "hi|lo $int", "d s s", ""},
    {"mul", "wide u16|u32|s16|s32", "d s s", ""},
    {"mad", "hi|lo $int", "d s s s", ""},
    {"mad", "wide u16|u32|s16|s32", "d s s s", ""},
    {"mad", "hi sat s32", "d s s s", ""},
    {"mul24", "hi|lo u32|s32", "d s s", ""},
    {"mad24", "hi|lo u32|s32", "d s s s", ""},
    {"mad24", "hi sat s32", "d s s s", ""},
    {"sad", "$int", "d s s s", ""},
    {"div", "$int", "d s s", ""},
    {"rem", "$int", "d s s", ""},
    {"abs", "s16|s32|s64", "d s", ""},
    {"neg", "s16|s32|s64", "d s", ""},
    {"min", "u16|u32|u64|s16|s64", "d s s", ""},
    {"max", "u16|u32|u64|s16|s64", "d s s", ""},
    {"min", "u16x2", "d s s", "90"},
    {"max", "u16x2", "d s s", "90"},
    {"min", "relu? s16x2", "d s s", "90"},
    {"max", "relu? s16x2", "d s s", "90"},
    {"min", "s32", "d s s", ""},
    {"max", "s32", "d s s", ""},
    {"min", "relu s32", "d s s", "90"},
    {"max", "relu s32", "d s s", "90"},
    {"popc", "b32|b64", "d s", ""},
    {"clz", "b32|b64", "d s", ""},
    {"bfind", "shiftamt? $int_wide", "d s", ""},
    {"fns", "b32", "d s s s", ""},
    {"brev", "b32|b64", "d s", ""},
    {"bfe", "$int_wide", "d s s s", ""},
    {"bfi", "b32|b64", "d s s s s", ""},
    {"szext", "clamp|wrap u32|s32", "d s s", "70"},
    {"bmsk", "clamp|wrap b32", "d s s", "70"},
    {"dp4a", "u32|s32 u32|s32", "d s s s", "61"},
    {"dp2a", "lo|hi u32|s32 u32|s32", "d s s s", "61"},
    {"add", "cc $int_wide", "d s s", ""},
    {"addc", "cc? $int_wide", "d s s", ""},
    {"sub", "cc $int_wide", "d s s", ""},
    {"subc", "cc? $int_wide", "d s s", ""},
    {"mad", "hi|lo cc $int_wide", "d s s s", ""},
    {"madc", "hi|lo cc? $int_wide", "d s s s", ""},
    {"and", "pred|$bits", "d s s", ""},
    {"or", "pred|$bits", "d s s", ""},
    {"xor", "pred|$bits", "d s s", ""},
    {"not", "pred|$bits", "d s", ""},
    {"cnot", "$bits", "d s", ""},
    {"lop3", "b32", "d s s s i", "50"},
    {"lop3", "or|and b32", "P s s s i p", "70"},
    {"shf", "l|r clamp|wrap b32", "d s s s", ""},
    {"shl", "$bits", "d s s", ""},
    {"shr", "$scalar", "d s s", ""},
    {"prmt", "b32 f4e|b4e|rc8|ecl|ecr|rc16?", "d s s s", ""},
    {"selp", "$scalar", "d s s p", ""},
    {"slct", "$scalar s32", "d s s s", ""},
    {"setp", "eq|ne $bits", "D s s", ""},
    {"set", "eq|ne u32|s32|f32 $bits", "d s s", ""},
    {"setp", "$cmp_signed s16|s32|s64", "D s s", ""},
    {"set", "$cmp_signed u32|s32|f32 s16|s32|s64", "d s s", ""},
    {"setp", "$cmp_int u16|u32|u64", "D s s", ""},
    {"set", "$cmp_int u32|s32|f32 u16|u32|u64", "d s s", ""},
    {"set", "$cmp_real ftz? u32|s32|f32 f32", "d s s", ""},
    {"set", "$cmp_real u32|s32|f32 f64", "d s s", ""},
    {"setp", "eq|ne $bool $bits", "D s s p", ""},
    {"set", "eq|ne $bool u32|s32|f32 $bits", "d s s p", ""},
    {"setp", "$cmp_signed $bool s16|s32|s64", "D s s p", ""},
    {"set", "$cmp_signed $bool u32|s32|f32 s16|s32|s64", "d s s p", ""},
    {"setp", "$cmp_int $bool u16|u32|u64", "D s s p", ""},
    {"set", "$cmp_int $bool u32|s32|f32 u16|u32|u64", "d s s p", ""},
    {"set", "$cmp_real $bool ftz? u32|s32|f32 f32", "d s s p", ""},
    {"set", "$cmp_real $bool u32|s32|f32 f64", "d s s p", ""},
});

}  // namespace

std::span<const InstructionRule> integer_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
