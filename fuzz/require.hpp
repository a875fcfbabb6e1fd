#pragma once
/// What a fuzzer asserts beyond "no crash": a violated property ends the run as a finding.

#include <cstdio>
#include <cstdlib>

namespace rackproof::fuzz {

inline void require(bool holds, const char* property) {
  if (!holds) {
    std::fprintf(stderr, "violated: %s\n", property);
    std::abort();
  }
}

}  // namespace rackproof::fuzz
