#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// The fifth-generation tensor core and its memory (PTX ISA 9.7.16).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"tcgen05.alloc", "$cta_group sync aligned shared::cta? b32", "m s", "100f|110f"},
    {"tcgen05.dealloc", "$cta_group sync aligned b32", "s s", "100f|110f"},
    {"tcgen05.relinquish_alloc_permit", "$cta_group sync aligned", "", "100f|110f"},
    {"tcgen05.ld", "sync aligned 16x64b|32x32b $repeat pack::16b? b32", "v m", "100f|110f"},
    {"tcgen05.ld", "sync aligned 16x128b x1|x2|x4|x8|x16|x32|x64 pack::16b? b32", "v m",
     "100f|110f"},
    {"tcgen05.ld", "sync aligned 16x256b x1|x2|x4|x8|x16|x32 pack::16b? b32", "v m", "100f|110f"},
    {"tcgen05.ld", "sync aligned 16x32bx2 $repeat pack::16b? b32", "v m i", "100f|110f"},
    {"tcgen05.ld.red", "sync aligned 32x32b x2|x4|x8|x16|x32|x64|x128 min|max abs? NaN? f32",
     "v d m", "103f|110f"},
    {"tcgen05.ld.red", "sync aligned 16x32bx2 x2|x4|x8|x16|x32|x64|x128 min|max abs? NaN? f32",
     "v d m i", "103f|110f"},
    {"tcgen05.ld.red", "sync aligned 32x32b x2|x4|x8|x16|x32|x64|x128 min|max u32|s32", "v d m",
     "103f|110f"},
    {"tcgen05.ld.red", "sync aligned 16x32bx2 x2|x4|x8|x16|x32|x64|x128 min|max u32|s32", "v d m i",
     "103f|110f"},
    {"tcgen05.st", "sync aligned 16x64b|32x32b $repeat unpack::16b? b32", "m v", "100f|110f"},
    {"tcgen05.st", "sync aligned 16x128b x1|x2|x4|x8|x16|x32|x64 unpack::16b? b32", "m v",
     "100f|110f"},
    {"tcgen05.st", "sync aligned 16x256b x1|x2|x4|x8|x16|x32 unpack::16b? b32", "m v", "100f|110f"},
    {"tcgen05.st", "sync aligned 16x32bx2 $repeat unpack::16b? b32", "m i v", "100f|110f"},
    {"tcgen05.wait::ld", "sync aligned", "", "100f|110f"},
    {"tcgen05.wait::st", "sync aligned", "", "100f|110f"},
    {"tcgen05.fence::before_thread_sync", "", "", "100f|110f"},
    {"tcgen05.fence::after_thread_sync", "", "", "100f|110f"},
    {"tcgen05.shift", "$cta_group down", "m", "100a|101a|103a|110a"},
    {"tcgen05.commit", "$cta_group mbarrier::arrive::one shared::cluster? b64", "m", "100f|110f"},
    {"tcgen05.commit", "$cta_group mbarrier::arrive::one shared::cluster? multicast::cluster b64",
     "m s", "100f|110f"},
    {"tcgen05.cp", "$cta_group 128x256b|4x256b|128x128b", "m s", "100f|110f"},
    {"tcgen05.cp", "$cta_group 128x256b|4x256b|128x128b b8x16 b6x16_p32|b4x16_p64", "m s",
     "100f|110f"},
    {"tcgen05.cp", "$cta_group 64x128b warpx2::02_13|warpx2::01_23", "m s", "100f|110f"},
    {"tcgen05.cp", "$cta_group 64x128b warpx2::02_13|warpx2::01_23 b8x16 b6x16_p32|b4x16_p64",
     "m s", "100f|110f"},
    {"tcgen05.cp", "$cta_group 32x128b warpx4", "m s", "100f|110f"},
    {"tcgen05.cp", "$cta_group 32x128b warpx4 b8x16 b6x16_p32|b4x16_p64", "m s", "100f|110f"},
    {"tcgen05.mma", "$cta_group kind::f16|kind::tf32|kind::f8f6f4 ashift? $collector_a?",
     "m x s s x x? i?", "100f|110f"},
    {"tcgen05.mma", "$cta_group kind::i8 ashift? $collector_a?", "m x s s x p?", "100a|101a|110a"},
    {"tcgen05.mma", "$cta_group kind::mxf8f6f4|kind::mxf4 block_scale block32? $collector_a?",
     "m x s s m m p", "100f|110f"},
    {"tcgen05.mma", "$cta_group kind::mxf8f6f4 block_scale scale_vec::1X $collector_a?",
     "m x s s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma", "$cta_group kind::mxf4 block_scale scale_vec::2X $collector_a?",
     "m x s s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma", "$cta_group kind::mxf4nvf4 block_scale block16|block32 $collector_a?",
     "m x s s m m p", "100f|110f"},
    {"tcgen05.mma",
     "$cta_group kind::mxf4nvf4 block_scale scale_vec::2X|scale_vec::4X $collector_a?",
     "m x s s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma.sp", "$cta_group kind::f16|kind::tf32|kind::f8f6f4 ashift? $collector_a?",
     "m x s m s x x? i?", "100f|110f"},
    {"tcgen05.mma.sp", "$cta_group kind::i8 ashift? $collector_a?", "m x s m s x p?",
     "100a|101a|110a"},
    {"tcgen05.mma.sp", "$cta_group kind::mxf8f6f4 block_scale block32? $collector_a?",
     "m x s m s m m p", "100f|110f"},
    {"tcgen05.mma.sp", "$cta_group kind::mxf8f6f4 block_scale scale_vec::1X $collector_a?",
     "m x s m s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma.sp", "$cta_group kind::mxf4 block_scale scale_vec::2X|block32? $collector_a?",
     "m x s m s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma.sp",
     "$cta_group kind::mxf4nvf4 block_scale scale_vec::2X|scale_vec::4X|block16|block32 "
     "$collector_a?",
     "m x s m s m m p", "100a|101a|103a|110a"},
    {"tcgen05.mma.ws", "cta_group::1 kind::f16|kind::tf32|kind::f8f6f4 $collector_b?",
     "m x s s p s?", "100f|110f"},
    {"tcgen05.mma.ws", "cta_group::1 kind::i8 $collector_b?", "m x s s p s?", "100a|101a|110a"},
    {"tcgen05.mma.ws.sp", "cta_group::1 kind::f16|kind::tf32|kind::f8f6f4 $collector_b?",
     "m x s m s p s?", "100f|110f"},
    {"tcgen05.mma.ws.sp", "cta_group::1 kind::i8 $collector_b?", "m x s m s p s?",
     "100a|101a|110a"},
});

}  // namespace

std::span<const InstructionRule> tensor_memory_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
