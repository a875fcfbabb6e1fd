#include "emulator/ptx/instruction_rules.hpp"

#include <array>

namespace rackproof::emulator::ptx {
namespace {

// Barriers, fences and warp-wide operations (PTX ISA 9.7.13, 9.7.9.6, 9.7.9.22).
constexpr std::array kRules = std::to_array<InstructionRule>({
    {"bar", "cta? sync", "s s?", ""},
    {"bar", "cta? arrive", "s s", ""},
    {"bar", "cta? red popc u32", "d s x p?", ""},
    {"bar", "cta? red and|or pred", "d s x p?", ""},
    {"bar.warp.sync", "", "s", ""},
    {"barrier", "cta? sync aligned?", "s s?", ""},
    {"barrier", "cta? arrive aligned?", "s s", ""},
    {"barrier", "cta? red popc aligned? u32", "d s x p?", ""},
    {"barrier", "cta? red and|or aligned? pred", "d s x p?", ""},
    {"barrier.cluster", "arrive release|relaxed? aligned?", "", "90"},
    {"barrier.cluster", "wait acquire? aligned?", "", "90"},
    {"membar", "cta|gl|sys", "", ""},
    {"membar", "proxy alias", "", "70"},
    {"fence", "sc|acq_rel? $scope", "", "70"},
    {"fence", "acquire|release $scope", "", "90"},
    {"fence", "acquire sync_restrict::shared::cluster cluster", "", "90"},
    {"fence", "release sync_restrict::shared::cta cluster", "", "90"},
    {"fence", "mbarrier_init release cluster", "", "90"},
    {"fence", "proxy alias", "", "70"},
    {"fence", "proxy async global|shared::cta|shared::cluster?", "", "90"},
    {"fence", "proxy tensormap::generic release $scope", "", "90"},
    {"fence", "proxy tensormap::generic acquire $scope", "m 8", "90"},
    {"fence", "proxy async::generic acquire sync_restrict::shared::cluster cluster", "", "90"},
    {"fence", "proxy async::generic release sync_restrict::shared::cta cluster", "", "90"},
    {"shfl", "sync up|down|bfly|idx b32", "D s s s s", ""},
    {"vote", "sync all|any|uni pred", "d p s", ""},
    {"vote", "sync ballot b32", "d p s", ""},
    {"match", "any sync b32|b64", "d s s", "70"},
    {"match", "all sync b32|b64", "D s s", "70"},
    {"activemask", "b32", "d", ""},
    {"redux", "sync add|min|max u32|s32", "d s s", "80"},
    {"redux", "sync and|or|xor b32", "d s s", "80"},
    {"redux", "sync min|max abs? NaN? f32", "d s s", "100f"},
    {"elect", "sync", "P s", "90"},
    {"griddepcontrol", "launch_dependents|wait", "", "90"},
});

}  // namespace

std::span<const InstructionRule> synchronisation_rules() {
  return kRules;
}

}  // namespace rackproof::emulator::ptx
