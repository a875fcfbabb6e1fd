#include "emulator/exec/lane_ops.hpp"

#include <cstdlib>
#include <string_view>

namespace rackproof::emulator::exec {

namespace lanes_portable {
extern const LaneOps kTable;
}
#ifdef RACKPROOF_LANES_X86
namespace lanes_avx2 {
extern const LaneOps kTable;
}
namespace lanes_avx512 {
extern const LaneOps kTable;
}
#endif

namespace {

const LaneOps& best_lane_ops() {
#ifdef RACKPROOF_LANES_X86
  const char* forced = std::getenv("RACKPROOF_EMULATOR_LANES");
  const std::string_view wish = forced == nullptr ? "" : forced;
  const bool avx2 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                    __builtin_cpu_supports("bmi2") != 0;
  const bool avx512 =
      avx2 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0;
  if (wish == "portable") {
    return lanes_portable::kTable;
  }
  if (avx512 && wish != "avx2") {
    return lanes_avx512::kTable;
  }
  return avx2 ? lanes_avx2::kTable : lanes_portable::kTable;
#else
  return lanes_portable::kTable;
#endif
}

}  // namespace

namespace detail {

std::atomic<const LaneOps*> chosen_lane_ops{nullptr};

const LaneOps& choose_lane_ops() {
  const LaneOps& best = best_lane_ops();
  chosen_lane_ops.store(&best, std::memory_order_relaxed);
  return best;
}

}  // namespace detail
}  // namespace rackproof::emulator::exec
