// Barriers and warp-wide instructions that do not get the threads they wait for.
#include "tests/emulator/checks/planted.hpp"

namespace {

template <bool kCorrect>
__global__ void barrier_count_not_of_whole_warps(int* out) {
  asm volatile("bar.sync 1, %0;" ::"r"(kCorrect ? 64 : 48) : "memory");
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void barrier_counts_differ(int* out) {
  asm volatile("bar.sync 1, %0;" ::"r"(kCorrect || threadIdx.x < 32 ? 64 : 96) : "memory");
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void barrier_count_beyond_the_block(int* out) {
  asm volatile("bar.sync 1, %0;" ::"r"(kCorrect ? 64 : 128) : "memory");
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void barrier_identifiers_differ(int* out) {
  asm volatile("bar.sync %0, 64;" ::"r"(kCorrect || threadIdx.x < 32 ? 1 : 2) : "memory");
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void barrier_that_does_not_exist(int* out) {
  asm volatile("bar.sync %0;" ::"r"(kCorrect ? 15 : 16) : "memory");
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void consumer_without_producer(int* out) {
  if (threadIdx.x < 32) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
  } else if (kCorrect) {
    asm volatile("bar.arrive 1, 64;" ::: "memory");
  }
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void barriers_taken_in_different_order(int* out) {
  if (kCorrect || threadIdx.x < 32) {
    asm volatile("bar.sync 1, 64;\nbar.sync 2, 64;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 64;\nbar.sync 1, 64;" ::: "memory");
  }
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void shuffle_waits_for_lanes_at_a_barrier(int* out) {
  int value = static_cast<int>(threadIdx.x);
  if (kCorrect || threadIdx.x < 16) {
    value = __shfl_xor_sync(0xffffffffU, value, 1);
  } else {
    asm volatile("barrier.sync 3, 64;" ::: "memory");
  }
  out[threadIdx.x] = value;
}
template <bool kCorrect>
__global__ void lanes_outside_their_mask(int* out) {
  int value = static_cast<int>(threadIdx.x);
  if (threadIdx.x < 16) {
    value = __shfl_xor_sync(kCorrect ? 0x0000ffffU : 0xffff0000U, value, 1);
  }
  out[threadIdx.x] = value;
}
template <bool kCorrect>
__global__ void warp_barriers_for_each_other(int* out) {
  if (threadIdx.x < 16) {
    __syncwarp(kCorrect ? 0x0000ffffU : 0xffffffffU);
  } else {
    __shfl_sync(kCorrect ? 0xffff0000U : 0xffffffffU, 1, 0);
    asm volatile("" ::: "memory");
  }
  out[threadIdx.x] = 1;
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& synchronisation_faults() {
  static const std::vector<Planted> faults = {
      RACKPROOF_PLANTED(barrier_count_not_of_whole_warps, "bar.sync for 48 threads",
                        "must be a multiple of 32", 1, 64),
      RACKPROOF_PLANTED(barrier_counts_differ, "bar.sync with different counts on one barrier",
                        "while others wait with", 1, 64),
      RACKPROOF_PLANTED(barrier_count_beyond_the_block, "bar.sync for more threads than there are",
                        "deadlock", 1, 64),
      RACKPROOF_PLANTED(barrier_identifiers_differ, "two warps wait at different barriers",
                        "deadlock", 1, 64),
      RACKPROOF_PLANTED(barrier_that_does_not_exist, "bar.sync 16", "does not exist", 1, 64),
      RACKPROOF_PLANTED(consumer_without_producer, "a barrier nobody arrives at", "deadlock", 1,
                        64),
      RACKPROOF_PLANTED(barriers_taken_in_different_order,
                        "two warps take two barriers in opposite order", "deadlock", 1, 64),
      RACKPROOF_PLANTED(shuffle_waits_for_lanes_at_a_barrier,
                        "shfl waits for lanes that wait at a barrier", "deadlock", 1, 32),
      RACKPROOF_PLANTED(lanes_outside_their_mask, "shfl with a mask that names other lanes only",
                        "does not contain that lane", 1, 32),
      RACKPROOF_PLANTED(warp_barriers_for_each_other,
                        "halves of a warp wait in different warp-wide instructions", "deadlock", 1,
                        32),
  };
  return faults;
}

}  // namespace rackproof::test
