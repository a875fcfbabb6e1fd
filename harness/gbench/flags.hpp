#pragma once
/// Which Google Benchmark flags may follow "--". Ranks must run the same benchmarks equally often,
/// so flags that let a process choose for itself are refused. Does not include benchmark.h.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::harness::gbench {

/// Throws config::ConfigError for an unknown, refused or malformed flag, naming it and the fix.
void check_flags(const std::vector<std::string>& flags);

/// The value of the last --<name>=<value>, if there is one.
[[nodiscard]] std::optional<std::string> flag_value(const std::vector<std::string>& flags,
                                                    std::string_view name);

/// Whether Google Benchmark's filter would run a benchmark that it displays under this name:
/// a regular expression, with a leading '-' for "all but"; no filter, "" and "all" mean all.
[[nodiscard]] bool passes_filter(const std::vector<std::string>& flags,
                                 const std::string& displayed_name);

/// Google Benchmark's name of a benchmark that is registered as `name`.
[[nodiscard]] std::string displayed_name(const std::string& name);

}  // namespace rackproof::harness::gbench
