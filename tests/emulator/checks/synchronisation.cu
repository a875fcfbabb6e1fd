// Barriers and warp-wide instructions that do not get the threads they wait for.
#include "tests/emulator/checks/planted.hpp"

#include <cooperative_groups.h>

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

template <bool kCorrect>
__global__ void barriers_in_both_branches(int* out) {
  if (threadIdx.x % 2 == 0 || kCorrect) {
    __syncthreads();
    out[threadIdx.x] = 1;
  } else {
    out[threadIdx.x] = 2;
    __syncthreads();
  }
}
template <bool kCorrect>
__global__ void barrier_in_a_branch(int* out) {
  out[threadIdx.x] = 1;
  if (threadIdx.x < (kCorrect ? 64 : 40)) {
    __syncthreads();
  }
  out[threadIdx.x + 64] = 2;
}
template <bool kCorrect>
__global__ void barrier_in_a_loop_of_unequal_turns(int* out) {
  const int turns = kCorrect ? 8 : 1 + static_cast<int>(threadIdx.x % 8);
  for (int turn = 0; turn < turns; ++turn) {
    out[threadIdx.x] = turn;
    __syncthreads();
  }
  out[threadIdx.x + 64] = 2;
}
// Threads that end early are not missed, whether or not they wrote; nor does it matter in which
// order the lanes of a warp come.
template <bool kCorrect>
__global__ void barrier_of_a_warp_that_lost_lanes(int* out) {
  if (threadIdx.x >= 48) {
    return;
  }
  if (threadIdx.x % 2 == 0) {
    __nanosleep(100);
    out[threadIdx.x] = 1;
  }
  for (int turn = 0; turn < 3; ++turn) {
    __syncthreads();
    if (threadIdx.x % 4 == 0) {
      out[threadIdx.x] = turn;
    }
    if (turn == 1 && threadIdx.x % 16 == 3) {
      return;
    }
  }
  if (!kCorrect && threadIdx.x >= 32) {
    asm volatile("barrier.sync 1, 64;" ::: "memory");
  }
}
// cooperative_groups::this_grid().sync() reads %envreg1 and 2 and traps where they are zero.
__global__ void grid_synchronisation(int* out) {
  cooperative_groups::this_grid().sync();
  out[blockIdx.x] = 1;
}
template <bool kCorrect>
__global__ void broadcast_from_a_lane_that_ended(int* out) {
  if (threadIdx.x >= 16) {
    return;
  }
  out[threadIdx.x] = __shfl_sync(0xffffffffU, static_cast<int>(threadIdx.x), kCorrect ? 15 : 16);
}
template <bool kCorrect>
__global__ void butterfly_with_lanes_that_do_not_exist(int* out) {
  int value = static_cast<int>(threadIdx.x);
  for (int distance = kCorrect ? 8 : 16; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffU, value, distance);
  }
  out[threadIdx.x] = value;
  if (kCorrect) {
    // Some of the lanes may read from nobody: what they get is not used.
    const int next = __shfl_sync(0xffffffffU, value, static_cast<int>(threadIdx.x) + 1);
    out[64 + threadIdx.x] = threadIdx.x < 15 ? next : 0;
  }
}
// What lanes 24 to 31 would add is in the result unless it is left out.
template <bool kCorrect>
__global__ void reduction_of_a_partial_warp(int* out) {
  const auto lane = static_cast<int>(threadIdx.x);
  int value = lane;
  for (int distance = 16; distance > 0; distance /= 2) {
    const int other = __shfl_down_sync(0xffffffffU, value, distance);
    value += !kCorrect || lane + distance < 24 ? other : 0;
  }
  if (lane == 0) {
    out[0] = value;
  }
}
// Both halves execute the same shuffle, each with a mask of its own.
template <bool kCorrect>
__global__ void shuffle_from_the_other_half(int* out) {
  const auto lane = static_cast<int>(threadIdx.x);
  const unsigned half = lane < 16 ? 0x0000ffffU : 0xffff0000U;
  const int first = __shfl_sync(half, lane, lane & 16);
  const int next = __shfl_sync(kCorrect ? 0xffffffffU : half, first, lane + 1);
  out[lane] = next;
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
      RACKPROOF_PLANTED(barriers_in_both_branches, "__syncthreads in both branches of an if",
                        "a barrier in divergent code", 1, 64),
      RACKPROOF_PLANTED(barrier_in_a_branch, "__syncthreads for a part of a warp",
                        "a barrier in divergent code", 1, 64),
      RACKPROOF_PLANTED(barrier_in_a_loop_of_unequal_turns,
                        "__syncthreads in a loop that lanes leave at different times",
                        "a barrier in divergent code", 1, 64),
      RACKPROOF_PLANTED(barrier_of_a_warp_that_lost_lanes,
                        "named barrier waits for lanes that have ended", "deadlock", 1, 64),
      {"grid_synchronisation", "grid.sync() in an ordinary launch", "the launch is not cooperative",
       [](bool is_correct, int* memory) {
         void* arguments[] = {&memory};
         if (is_correct) {
           cudaLaunchCooperativeKernel(reinterpret_cast<void*>(grid_synchronisation), dim3(2),
                                       dim3(32), arguments, 0, nullptr);
         } else {
           grid_synchronisation<<<2, 32>>>(memory);
         }
       }},
      RACKPROOF_PLANTED(broadcast_from_a_lane_that_ended, "shfl from a lane that has ended",
                        "which does not take part", 1, 32),
      RACKPROOF_PLANTED(butterfly_with_lanes_that_do_not_exist,
                        "butterfly of 32 lanes in a block of 16", "which does not take part", 1,
                        16),
      RACKPROOF_PLANTED(reduction_of_a_partial_warp,
                        "shfl.down reduction of 32 lanes in a block of 24",
                        "from lane 24, which does not take part", 1, 24),
      RACKPROOF_PLANTED(shuffle_from_the_other_half, "shfl from a lane outside the member mask",
                        "from lane 16, which does not take part", 1, 32),
  };
  return faults;
}

}  // namespace rackproof::test
