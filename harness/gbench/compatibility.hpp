#pragma once
/// Differences between Google Benchmark 1.7 (Debian 12) and 1.8 and newer (Ubuntu 24.04).

#include <benchmark/benchmark.h>

#include <string>

namespace rackproof::harness::gbench {

/// Marks a benchmark as not run. 1.7 knows errors only.
template <typename State>
void skip(State& state, const std::string& reason) {
  if constexpr (requires { state.SkipWithMessage(reason); }) {
    state.SkipWithMessage(reason);
  } else {
    state.SkipWithError(reason.c_str());
  }
}

}  // namespace rackproof::harness::gbench
