#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Asynchronous copies, tensor maps and mbarriers (PTX ISA 9.7.9.25 to 9.7.9.28, 9.7.13.15).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"cp.async", "ca|cg $cta_shared global $hint? $prefetch?", "m m i x? x?", "80"},
    {"cp.async.commit_group", "", "", "80"},
    {"cp.async.wait_group", "", "i", "80"},
    {"cp.async.wait_all", "", "", "80"},
    {"cp.async.mbarrier.arrive", "noinc? $cta_shared? b64", "m", "80"},
    {"cp.async.bulk", "shared::cta global $complete_tx $hint?", "m m s m s?", "90"},
    {"cp.async.bulk", "shared::cluster global $complete_tx $hint?", "m m s m s?", "90"},
    {"cp.async.bulk", "shared::cluster global $complete_tx multicast::cluster $hint?",
     "m m s m s s?", "90"},
    {"cp.async.bulk", "shared::cluster shared::cta $complete_tx", "m m s m", "90"},
    {"cp.async.bulk", "global shared::cta bulk_group $hint?", "m m s s?", "90"},
    {"cp.async.bulk", "global shared::cta bulk_group $hint? cp_mask", "m m s s s?", "100"},
    {"cp.async.bulk.prefetch", "L2 global $hint?", "m s s?", "90"},
    {"cp.async.bulk.commit_group", "", "", "90"},
    {"cp.async.bulk.wait_group", "read?", "i", "90"},
    {"cp.async.bulk.tensor", "$dim shared::cta global $load_mode? $complete_tx $hint?",
     "m m m c? s?", "90"},
    {"cp.async.bulk.tensor", "$dim shared::cta global $load_mode? $complete_tx $cta_group $hint?",
     "m m m c? s?", "100f|110f"},
    {"cp.async.bulk.tensor",
     "$dim shared::cluster global $load_mode? $complete_tx multicast::cluster? $hint?",
     "m m m x? x? x?", "90"},
    {"cp.async.bulk.tensor",
     "$dim shared::cluster global $load_mode? $complete_tx multicast::cluster? $cta_group $hint?",
     "m m m x? x? x?", "100f|110f"},
    {"cp.async.bulk.tensor",
     "$dim global shared::cta tile|tile::scatter4|im2col_no_offs? bulk_group $hint?", "m m s?",
     "90"},
    {"cp.async.bulk.prefetch.tensor", "$dim L2 global $load_mode? $hint?", "m c? s?", "90"},
    {"cp.reduce.async.bulk",
     "shared::cluster shared::cta $complete_tx and|or|xor|add|inc|dec|min|max "
     "b32|u32|s32|b64|u64|s64",
     "m m s m", "90"},
    {"cp.reduce.async.bulk",
     "global shared::cta bulk_group $hint? and|or|xor|add|inc|dec|min|max "
     "f16|bf16|b32|u32|s32|b64|u64|s64|f32|f64",
     "m m s s?", "90"},
    {"cp.reduce.async.bulk", "global shared::cta bulk_group $hint? add noftz f16|bf16", "m m s s?",
     "90"},
    {"cp.reduce.async.bulk.tensor",
     "$dim global shared::cta add|min|max|inc|dec|and|or|xor tile|im2col_no_offs? bulk_group "
     "$hint?",
     "m m s?", "90"},
    {"tensormap.replace", "tile global_address $cta_shared|global? b1024 b64", "m s",
     "90a|100f|110f|120f"},
    {"tensormap.replace",
     "tile rank|elemtype|interleave_layout|swizzle_mode|swizzle_atomicity|fill_mode "
     "$cta_shared|global? b1024 b32",
     "m s", "90a|100f|110f|120f"},
    {"tensormap.replace", "tile box_dim|global_dim|element_stride $cta_shared|global? b1024 b32",
     "m i s", "90a|100f|110f|120f"},
    {"tensormap.replace", "tile global_stride $cta_shared|global? b1024 b64", "m i s",
     "90a|100f|110f|120f"},
    {"tensormap.cp_fenceproxy",
     "global shared::cta proxy::tensormap::generic|tensormap::generic release $scope sync aligned",
     "m m i", "90"},
    {"mbarrier.init", "$cta_shared? b64", "m s", "80"},
    {"mbarrier.inval", "$cta_shared? b64", "m", "80"},
    {"mbarrier.expect_tx", "relaxed? cta|cluster? $any_shared? b64", "m s", "90"},
    {"mbarrier.complete_tx", "relaxed? cta|cluster? $any_shared? b64", "m s", "90"},
    {"mbarrier.arrive", "release|relaxed? cta|cluster? $cta_shared? b64", "o m s?", "80"},
    {"mbarrier.arrive", "release|relaxed? cta|cluster? shared::cluster b64", "o m s?", "90"},
    {"mbarrier.arrive", "expect_tx release|relaxed? cta|cluster? $any_shared? b64", "o m s", "90"},
    {"mbarrier.arrive", "noComplete release? cta? $cta_shared? b64", "o m s", "80"},
    {"mbarrier.arrive_drop", "release|relaxed? cta|cluster? $cta_shared? b64", "o m s?", "80"},
    {"mbarrier.arrive_drop", "release|relaxed? cta|cluster? shared::cluster b64", "o m s?", "90"},
    {"mbarrier.arrive_drop", "expect_tx release|relaxed? cta|cluster? $any_shared? b64", "o m s",
     "90"},
    {"mbarrier.arrive_drop", "noComplete release? cta? $cta_shared? b64", "o m s", "80"},
    {"mbarrier.test_wait", "parity? acquire|relaxed? cta|cluster? $cta_shared? b64", "d m s", "80"},
    {"mbarrier.try_wait", "parity? acquire|relaxed? cta|cluster? $cta_shared? b64", "d m s s?",
     "90"},
    {"mbarrier.pending_count", "b64", "d s", "80"},
    {"clusterlaunchcontrol.try_cancel",
     "async shared::cta? $complete_tx multicast::cluster::all? b128", "m m", "100"},
    {"clusterlaunchcontrol.query_cancel", "is_canceled pred b128", "d s", "100"},
    {"clusterlaunchcontrol.query_cancel", "get_first_ctaid v4 b32 b128", "v s", "100"},
    {"clusterlaunchcontrol.query_cancel",
     "get_first_ctaid::x|get_first_ctaid::y|get_first_ctaid::z b32 b128", "d s", "100"},
});

}  // namespace

std::span<const InstructionRule> async_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
