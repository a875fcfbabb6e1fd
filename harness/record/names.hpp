#pragma once
/// The words that stand for enumerators in the JSON document, for writing and for reading.

#include "harness/record/record.hpp"

#include <array>
#include <string_view>
#include <utility>

namespace rackproof::harness::record {

template <typename Enum, std::size_t n>
using Names = std::array<std::pair<Enum, std::string_view>, n>;

[[nodiscard]] constexpr auto names_of(Basis) {
  return Names<Basis, 2>{{{Basis::measured, "measured"}, {Basis::modelled, "modelled"}}};
}

[[nodiscard]] constexpr auto names_of(Better) {
  return Names<Better, 2>{{{Better::higher, "higher"}, {Better::lower, "lower"}}};
}

[[nodiscard]] constexpr auto names_of(Status) {
  return Names<Status, 4>{{{Status::ok, "ok"},
                           {Status::wrong, "wrong"},
                           {Status::failed, "failed"},
                           {Status::not_run, "not_run"}}};
}

[[nodiscard]] constexpr auto names_of(CacheState) {
  return Names<CacheState, 3>{{{CacheState::cold, "cold"},
                               {CacheState::warm, "warm"},
                               {CacheState::not_applicable, "not_applicable"}}};
}

[[nodiscard]] constexpr auto names_of(Outcome) {
  return Names<Outcome, 5>{{{Outcome::ok, "ok"},
                            {Outcome::wrong_results, "wrong_results"},
                            {Outcome::timed_out, "timed_out"},
                            {Outcome::failed, "failed"},
                            {Outcome::nothing_ran, "nothing_ran"}}};
}

[[nodiscard]] constexpr auto names_of(topology::Backend) {
  return Names<topology::Backend, 2>{
      {{topology::Backend::gpu, "gpu"}, {topology::Backend::emulated, "emulated"}}};
}

[[nodiscard]] constexpr auto names_of(topology::FabricState) {
  using State = topology::FabricState;
  return Names<State, 4>{{{State::not_supported, "not_supported"},
                          {State::not_started, "not_started"},
                          {State::in_progress, "in_progress"},
                          {State::completed, "completed"}}};
}

/// The word for `value`, as the document and the reports spell it.
template <typename Enum>
[[nodiscard]] constexpr std::string_view name_of(Enum value) {
  for (const auto& [enumerator, word] : names_of(value)) {
    if (enumerator == value) {
      return word;
    }
  }
  return "unknown";
}

}  // namespace rackproof::harness::record
