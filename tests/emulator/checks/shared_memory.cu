// Unordered and uninitialised accesses to shared memory.
#include "tests/emulator/checks/planted.hpp"

namespace {

constexpr int kThreads = 128;

template <bool kCorrect>
__global__ void missing_syncthreads(int* out) {
  __shared__ int tile[kThreads];
  const int t = threadIdx.x;
  tile[t] = t;
  if (kCorrect) {
    __syncthreads();
  }
  out[t] = tile[kThreads - 1 - t];
}

template <bool kCorrect>
__global__ void missing_second_syncthreads(int* out) {
  __shared__ int tile[kThreads];
  const int t = threadIdx.x;
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    tile[t] = t * 3 + i;
    __syncthreads();
    sum += tile[(t + 64) % kThreads];
    if (kCorrect) {
      __syncthreads();
    }
  }
  out[t] = sum;
}

template <bool kCorrect>
__global__ void missing_syncwarp(int* out) {
  __shared__ int tile[32];
  const int t = threadIdx.x;
  tile[t] = t;
  if (kCorrect) {
    __syncwarp();
  }
  out[t] = tile[t ^ 1];
}

template <bool kCorrect>
__global__ void warp_reduction_without_syncwarp(int* out) {
  __shared__ int sums[32];
  const int t = threadIdx.x;
  sums[t] = t + 1;
  __syncwarp();
  for (int offset = 16; offset > 0; offset /= 2) {
    if (t < offset) {
      sums[t] += sums[t + offset];
    }
    if (kCorrect) {
      __syncwarp();
    }
  }
  out[t] = t == 0 ? sums[0] : 0;
}

template <bool kCorrect>
__global__ void reduction_stops_synchronising_early(int* out) {
  __shared__ int sums[kThreads];
  const int t = threadIdx.x;
  sums[t] = t + 1;
  __syncthreads();
  for (int stride = kThreads / 2; stride > 0; stride /= 2) {
    if (t < stride) {
      sums[t] += sums[t + stride];
    }
    if (kCorrect || stride > 64) {
      __syncthreads();
    }
  }
  out[t] = t == 0 ? sums[0] : 0;
}

template <bool kCorrect>
__global__ void double_buffer_reused_early(int* data) {
  __shared__ int stages[2][kThreads];
  const int t = threadIdx.x;
  int sum = 0;
  stages[0][t] = data[t] + t;
  __syncthreads();
  for (int i = 0; i < 4; ++i) {
    // The stage written here is the one read in the previous turn.
    stages[kCorrect ? (i + 1) % 2 : i % 2][t] = data[t] + i + t;
    sum += stages[i % 2][(t + 37) % kThreads];
    __syncthreads();
  }
  data[kThreads + t] = sum;
}

__device__ void copy_async_16(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(to))),
               "l"(from)
               : "memory");
}
__device__ void commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int kPending>
__device__ void wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

template <bool kCorrect>
__global__ void copy_waits_for_one_group_too_few(int* data) {
  __shared__ __align__(16) int tile[2][kThreads];
  const int t = threadIdx.x;
  if (t < kThreads / 4) {
    copy_async_16(&tile[0][4 * t], data + 4 * t);
  }
  commit();
  if (t < kThreads / 4) {
    copy_async_16(&tile[1][4 * t], data + kThreads + 4 * t);
  }
  commit();
  wait<kCorrect ? 0 : 1>();
  __syncthreads();
  data[1024 + t] = tile[0][t] + tile[1][kThreads - 1 - t];
}

template <bool kCorrect>
__global__ void copy_waited_for_without_barrier(int* data) {
  __shared__ __align__(16) int tile[kThreads];
  const int t = threadIdx.x;
  if (t < kThreads / 4) {
    copy_async_16(&tile[4 * t], data + 4 * t);
  }
  commit();
  wait<0>();
  if (kCorrect) {
    __syncthreads();
  }
  data[1024 + t] = tile[kThreads - 1 - t];
}

template <bool kCorrect>
__global__ void copy_into_a_stage_still_read(int* data) {
  __shared__ __align__(16) int tile[kThreads];
  const int t = threadIdx.x;
  int sum = 0;
  for (int i = 0; i < 2; ++i) {
    if (kCorrect) {
      __syncthreads();
    }
    if (t < kThreads / 4) {
      copy_async_16(&tile[4 * t], data + i * kThreads + 4 * t);
    }
    commit();
    wait<0>();
    __syncthreads();
    sum += tile[(t + 64) % kThreads];
  }
  data[1024 + t] = sum;
}

template <bool kCorrect>
__global__ void histogram_without_atomics(int* out) {
  __shared__ int bins[16];
  const int t = threadIdx.x;
  if (t < 16) {
    bins[t] = 0;
  }
  __syncthreads();
  if (kCorrect) {
    atomicAdd(&bins[t * 7 % 16], 1);
  } else {
    bins[t * 7 % 16] += 1;
  }
  __syncthreads();
  out[t] = bins[t % 16];
}

template <bool kCorrect>
__global__ void broadcast_without_barrier(int* out) {
  __shared__ int value;
  if (threadIdx.x == 0) {
    value = out[0] + 5;
  }
  if (kCorrect) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  out[threadIdx.x + 1] = value;
}

template <bool kCorrect>
__global__ void halves_with_barriers_of_their_own(int* out) {
  __shared__ int tile[kThreads];
  const int t = threadIdx.x;
  tile[t] = t;
  if (kCorrect) {
    asm volatile("bar.sync 1, 128;" ::: "memory");
  } else if (t < 64) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 64;" ::: "memory");
  }
  out[t] = tile[(t + 64) % kThreads];
}

template <bool kCorrect>
__global__ void neighbouring_bytes(int* out) {
  __shared__ unsigned char bytes[kThreads];
  const int t = threadIdx.x;
  bytes[t] = static_cast<unsigned char>(t);
  if (kCorrect) {
    __syncthreads();
  }
  out[t] = bytes[(t + 1) % kThreads];
}

template <bool kCorrect>
__global__ void plain_read_beside_atomics(int* out) {
  __shared__ int count;
  if (threadIdx.x == 0) {
    count = 0;
  }
  __syncthreads();
  atomicAdd(&count, 1);
  if (kCorrect) {
    __syncthreads();
  }
  out[threadIdx.x] = count;
}

template <bool kCorrect>
__global__ void counter_reset_before_all_have_read_it(int* out) {
  __shared__ int total;
  const int t = threadIdx.x;
  if (t == 0) {
    total = 7;
  }
  __syncthreads();
  out[t] = total;
  if (kCorrect) {
    __syncthreads();
  }
  if (t == kThreads - 1) {
    total = 0;
  }
}

template <bool kCorrect>
__global__ void matrix_loaded_before_barrier(int* out) {
  __shared__ __align__(16) unsigned short rows[2][8 * 8];
  const int t = threadIdx.x;
  rows[t / 32][2 * (t % 32)] = static_cast<unsigned short>(t);
  rows[t / 32][2 * (t % 32) + 1] = static_cast<unsigned short>(t);
  if (kCorrect) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  unsigned value = 0;
  const auto address =
      static_cast<unsigned>(__cvta_generic_to_shared(&rows[1 - t / 32][t % 8 * 8]));
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(value) : "r"(address));
  out[t] = static_cast<int>(value);
}

template <bool kCorrect>
__global__ void ring_without_empty_barrier(int* out) {
  __shared__ int slot;
  const int t = threadIdx.x;
  int sum = 0;
  for (int i = 0; i < 3; ++i) {
    if (t < 32) {
      if (t == 0) {
        slot = i + 10;
      }
      asm volatile("bar.arrive 1, 64;" ::: "memory");
      if (kCorrect) {
        asm volatile("bar.sync 2, 64;" ::: "memory");
      }
    } else {
      asm volatile("bar.sync 1, 64;" ::: "memory");
      sum += slot;
      if (kCorrect) {
        asm volatile("bar.arrive 2, 64;" ::: "memory");
      }
    }
  }
  out[t] = sum;
}

template <bool kCorrect>
__global__ void uninitialised_tile(int* out) {
  __shared__ int tile[kThreads];
  const int t = threadIdx.x;
  if (kCorrect || t < kThreads - 32) {
    tile[t] = t;
  }
  __syncthreads();
  out[t] = tile[kThreads - 1 - t];
}

// Merges and scans read past the end of a tile, and use nothing of it.
template <bool kCorrect>
__global__ void uninitialised_value_decides(int* out) {
  __shared__ volatile int tile[2 * kThreads];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  const int value = tile[threadIdx.x + kThreads];
  const bool is_inside = kCorrect ? threadIdx.x >= 2 * kThreads : threadIdx.x < kThreads;
  int result = is_inside & (value > 0) ? value : 7;
  tile[threadIdx.x + kThreads] = value;
  if (result != 7) {
    result = 1;
  }
  out[threadIdx.x] = result;
}

// Fewer warps than lanes leave partial sums: a warp loads the whole row, and shuffles discard it.
template <bool kCorrect>
__global__ void uninitialised_column(int* out) {
  __shared__ int tile[kThreads];
  __shared__ int sums[32];
  const int t = threadIdx.x;
  if (kCorrect || t % 8 != 5) {
    tile[t] = t;
  }
  if (t % 32 == 0) {
    sums[t / 32] = t;
  }
  __syncthreads();
  int sum = sums[t % 32];
  for (int distance = kThreads / 64; distance > 0; distance /= 2) {
    sum += __shfl_down_sync(0xffffffffU, sum, distance);
  }
  out[t] = tile[kThreads - 1 - t];
  if (t == 0) {
    out[kThreads] = sum;
  }
}

template <bool kCorrect>
__global__ void uninitialised_accumulator(int* out) {
  __shared__ int sum;
  if (kCorrect && threadIdx.x == 0) {
    sum = 0;
  }
  __syncthreads();
  atomicAdd(&sum, 1);
  __syncthreads();
  out[threadIdx.x] = sum;
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& shared_memory_faults() {
  static const std::vector<Planted> faults = {
      // Which warp runs first decides whether it looks like a race or like an unwritten word.
      RACKPROOF_PLANTED(missing_syncthreads, "no barrier between writing and reading a tile",
                        "shared ", 1, kThreads),
      RACKPROOF_PLANTED(missing_second_syncthreads,
                        "no barrier between reading a tile and writing the next",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(missing_syncwarp, "lanes of a warp exchange words without __syncwarp",
                        "(a barrier is missing)", 1, 32),
      RACKPROOF_PLANTED(warp_reduction_without_syncwarp,
                        "warp-synchronous reduction in shared memory without __syncwarp",
                        "(a barrier is missing)", 1, 32),
      RACKPROOF_PLANTED(reduction_stops_synchronising_early,
                        "tree reduction skips the barrier at its last 64 threads",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(double_buffer_reused_early, "stage of a double buffer written while read",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(copy_waits_for_one_group_too_few,
                        "cp.async.wait_group leaves one group too many in flight",
                        "is not ordered after the cp.async", 1, kThreads),
      RACKPROOF_PLANTED(copy_waited_for_without_barrier,
                        "cp.async waited for, but other threads' copies are read without a barrier",
                        "shared ", 1, kThreads),
      RACKPROOF_PLANTED(copy_into_a_stage_still_read,
                        "cp.async into a stage that others still read",
                        "is not ordered after the read", 1, kThreads),
      RACKPROOF_PLANTED(histogram_without_atomics, "shared histogram with += instead of atomicAdd",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(broadcast_without_barrier,
                        "one thread's value read by all after __syncwarp", "shared", 1, kThreads),
      RACKPROOF_PLANTED(halves_with_barriers_of_their_own,
                        "two halves synchronise on barriers of their own and exchange data",
                        "shared", 1, kThreads),  // a race, or nobody wrote yet: who is first
      RACKPROOF_PLANTED(neighbouring_bytes, "bytes of one word written and read across warps",
                        "shared", 1, kThreads),
      RACKPROOF_PLANTED(plain_read_beside_atomics, "plain read while others still atomicAdd",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(counter_reset_before_all_have_read_it,
                        "shared value reset before all have read it", "(a barrier is missing)", 1,
                        kThreads),
      RACKPROOF_PLANTED(matrix_loaded_before_barrier, "ldmatrix of another warp's rows, no barrier",
                        "shared", 1, 64),
      RACKPROOF_PLANTED(ring_without_empty_barrier,
                        "named-barrier ring without the barrier that hands the slot back",
                        "barrier", 1, 64),  // a race, or arrivals that pair with themselves
      RACKPROOF_PLANTED(uninitialised_tile, "the end of a shared tile is never written",
                        "reads what nobody wrote", 1, kThreads),
      RACKPROOF_PLANTED(uninitialised_column, "one word in eight of a tile is never written",
                        "reads what nobody wrote", 1, kThreads),
      RACKPROOF_PLANTED(uninitialised_value_decides,
                        "what nobody wrote in shared memory decides a result",
                        "reads what nobody wrote", 1, kThreads),
      RACKPROOF_PLANTED(uninitialised_accumulator, "atomicAdd on a shared word nobody set",
                        "what nobody wrote", 1, kThreads),
  };
  return faults;
}

}  // namespace rackproof::test
