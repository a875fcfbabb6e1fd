#include "bench/work_counters.hpp"

#include <dlfcn.h>
#include <stdexcept>

namespace rackproof::bench {
namespace {

/// The layout that rackproof_work_counters_v2 fills (emulator/api/cudart/work_counters.cpp).
struct WorkCountersV2 {
  std::uint64_t kernels;
  std::uint64_t ctas;
  std::uint64_t warp_instructions;
  std::uint64_t thread_instructions;
  std::uint64_t rest[14];
};

}  // namespace

Work work_so_far() {
  const auto read =
      reinterpret_cast<int (*)(WorkCountersV2*)>(dlsym(RTLD_DEFAULT, "rackproof_work_counters_v2"));
  WorkCountersV2 totals{};
  if (read == nullptr || read(&totals) != 0) {
    throw std::runtime_error("this CUDA runtime is not the emulator's");
  }
  return {totals.warp_instructions, totals.thread_instructions};
}

}  // namespace rackproof::bench
