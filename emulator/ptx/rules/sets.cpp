#include "emulator/ptx/instruction_rules.hpp"

#include <array>
#include <utility>

namespace rackproof::emulator::ptx {
namespace {

constexpr std::array kSets = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"bits", "b16|b32|b64"},
    {"int", "u16|u32|u64|s16|s32|s64"},
    {"int_wide", "u32|u64|s32|s64"},
    {"scalar", "b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64"},
    {"memory_32", "b8|b16|b32|u8|u16|u32|s8|s16|s32|f32"},
    {"memory", "b8|b16|b32|b64|b128|u8|u16|u32|u64|s8|s16|s32|s64|f32|f64"},
    {"memory_16", "b8|b16|u8|u16|s8|s16"},
    {"memory_64", "b64|u64|s64|f64"},
    {"rnd", "rn|rz|rm|rp"},
    {"irnd", "rni|rzi|rmi|rpi"},
    {"cmp_signed", "eq|ne|lt|le|gt|ge"},
    {"cmp_int", "eq|ne|lt|le|gt|ge|lo|ls|hi|hs"},
    {"cmp_real", "eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan"},
    {"bool", "and|or|xor"},
    {"scope", "cta|cluster|gpu|sys"},
    {"hint", "L2::cache_hint"},
    {"prefetch", "L2::64B|L2::128B|L2::256B"},
    {"l1", "L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|L1::no_allocate"},
    {"l2", "L2::evict_normal|L2::evict_first|L2::evict_last"},
    {"vec", "v2|v4|v8"},
    {"cta_shared", "shared|shared::cta"},
    {"strong_space", "global|shared|shared::cta|shared::cluster"},
    {"any_shared", "shared|shared::cta|shared::cluster"},
    {"ld_space",
     "const|global|local|param::entry|param::func|param|shared|shared::cta|shared::cluster"},
    {"st_space", "global|local|param|param::func|shared|shared::cta|shared::cluster"},
    {"atom_space", "global|shared|shared::cta|shared::cluster"},
    {"cta_group", "cta_group::1|cta_group::2"},
    {"dim", "1d|2d|3d|4d|5d"},
    {"complete_tx", "mbarrier::complete_tx::bytes"},
    {"fp8", "e4m3|e5m2"},
    {"f8f6f4", "e4m3|e5m2|e3m2|e2m3|e2m1"},
    {"collector_a",
     "collector::a::fill|collector::a::use|collector::a::lastuse|collector::a::discard"},
    {"collector_last", "collector::a::lastuse|collector::a::discard"},
    {"collector_b",
     "collector::b0::fill|collector::b0::use|collector::b0::lastuse|collector::b0::discard|"
     "collector::b1::fill|collector::b1::use|collector::b1::lastuse|collector::b1::discard|"
     "collector::b2::fill|collector::b2::use|collector::b2::lastuse|collector::b2::discard|"
     "collector::b3::fill|collector::b3::use|collector::b3::lastuse|collector::b3::discard"},
    {"repeat", "x1|x2|x4|x8|x16|x32|x64|x128"},
});

}  // namespace

std::string_view modifier_set(std::string_view name) {
  for (const auto& [set, alternatives] : kSets) {
    if (set == name) {
      return alternatives;
    }
  }
  return {};
}

}  // namespace rackproof::emulator::ptx
