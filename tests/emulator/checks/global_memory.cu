// Unordered accesses to global memory: between CTAs, grids, streams.
#include "tests/emulator/checks/planted.hpp"

namespace {

constexpr int kThreads = 64;
constexpr int kBlocks = 8;

__device__ int sum_of_block(int value, int* scratch) {
  scratch[threadIdx.x] = value;
  __syncthreads();
  int sum = 0;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kThreads; ++i) {
      sum += scratch[i];
    }
  }
  return sum;
}

enum class Mistake { none, no_fence, block_fence, no_barrier };

// The last CTA adds what all left: out[0] = count, out[1] = result, out[64 ...] = parts.
template <Mistake kMistake>
__device__ void last_block(int* out) {
  __shared__ int scratch[kThreads];
  __shared__ bool is_last;
  const int sum = sum_of_block(static_cast<int>(blockIdx.x) + 1, scratch);
  if (kMistake == Mistake::no_barrier) {
    out[64 + blockIdx.x * kThreads + threadIdx.x] = static_cast<int>(threadIdx.x) + 1;
  } else if (threadIdx.x == 0) {
    out[64 + blockIdx.x] = sum;
  }
  if (threadIdx.x == 0) {
    if (kMistake == Mistake::block_fence) {
      __threadfence_block();
    } else if (kMistake != Mistake::no_fence) {
      __threadfence();
    }
    is_last = atomicAdd(out, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (is_last && threadIdx.x < kBlocks) {
    const int part = kMistake == Mistake::no_barrier ? threadIdx.x * kThreads + 63 : threadIdx.x;
    atomicAdd(out + 1, out[64 + part]);
  }
}
// As a breadth-first search does it: who finds a node first is all the same.
template <bool kCorrect>
__global__ void lanes_store_different_values(int* out) {
  const int node = static_cast<int>(threadIdx.x) * 5 % 8;
  out[node] = kCorrect ? node : static_cast<int>(threadIdx.x);
}
template <bool kCorrect>
__global__ void last_block_without_fence(int* out) {
  last_block<kCorrect ? Mistake::none : Mistake::no_fence>(out);
}
template <bool kCorrect>
__global__ void last_block_with_block_fence(int* out) {
  last_block<kCorrect ? Mistake::none : Mistake::block_fence>(out);
}
template <bool kCorrect>
__global__ void last_block_without_barrier(int* out) {
  last_block<kCorrect ? Mistake::none : Mistake::no_barrier>(out);
}

// As in the CUDA programming guide: no fence behind the ticket, the counter reset by a plain store.
template <bool kCorrect>
__global__ void last_block_sees_stale_line(int* out) {
  __shared__ int scratch[kThreads];
  __shared__ bool is_last;
  if (!kCorrect) {
    scratch[threadIdx.x] = out[64 + threadIdx.x];  // an L1 holds it from here on
    __syncthreads();
  }
  const int sum = sum_of_block(static_cast<int>(blockIdx.x) + 1, scratch);
  if (threadIdx.x == 0) {
    out[64 + blockIdx.x] = sum;
    __threadfence();
    is_last = atomicAdd(out, 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (is_last && threadIdx.x == 0) {
    int total = 0;
    for (int i = 0; i < kBlocks; ++i) {
      total += out[64 + i];
    }
    out[64] = total;
    out[0] = 0;
  }
}

// CTA 1 overwrites what CTA 0 has read: the status word comes after the reading, without a release.
template <bool kCorrect>
__global__ void look_back_in_place(int* out) {
  const auto publish = [out] {
    __syncthreads();
    if (threadIdx.x == 0) {
      asm volatile("st.relaxed.gpu.global.u32 [%0], 1;" ::"l"(out) : "memory");
    }
  };
  if (blockIdx.x == 0) {
    if (!kCorrect) {
      publish();
    }
    const int value = out[64 + threadIdx.x];
    if (kCorrect) {
      publish();
    }
    out[1024 + threadIdx.x] = value;
  } else {
    int seen = 0;
    while (seen == 0) {
      asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(out) : "memory");
    }
    __syncthreads();
    out[64 + threadIdx.x] = 5;
  }
}

template <bool kCorrect>
__global__ void neighbours_tile(int* out) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x;
  const unsigned n = gridDim.x * kThreads;
  out[i] = static_cast<int>(i) + 1;
  __syncthreads();
  out[n + i] = out[kCorrect ? blockIdx.x * kThreads + (threadIdx.x + 1) % kThreads : (i + 1) % n];
}

template <bool kCorrect>
__global__ void stencil_in_place(int* out) {
  const unsigned i = blockIdx.x * kThreads + threadIdx.x + 1;
  const int sum = out[i - 1] + out[i + 1] + 1;
  out[kCorrect ? 4096 + i : i] = sum;
}

// The loop of the CUDA programming guide begins with a plain read: no fault, for the swap judges
// it.
template <bool kCorrect>
__global__ void maximum_without_swap(int* out) {
  const int mine = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  int seen = *out;
  while (seen < mine) {
    if (kCorrect) {
      const int assumed = seen;
      seen = atomicCAS(out, assumed, mine);
      if (seen == assumed) {
        break;
      }
    } else {
      *out = mine;
      seen = *out;
    }
  }
}

template <bool kCorrect>
__global__ void counter_without_atomic(int* out) {
  if (threadIdx.x == 0) {
    if (kCorrect) {
      atomicAdd(out, 1);
    } else {
      *out += 1;
    }
  }
}

template <bool kCorrect>
__global__ void volatile_counter(int* out) {
  if (threadIdx.x == 0) {
    if (kCorrect) {
      atomicAdd(out, 1);
    } else {
      volatile int* const counter = out;
      *counter = *counter + 1;
    }
  }
}

template <bool kCorrect>
__global__ void global_exchange_without_barrier(int* out) {
  out[threadIdx.x] = static_cast<int>(threadIdx.x) + 1;
  if (kCorrect) {
    __syncthreads();
  }
  out[kThreads + threadIdx.x] = out[kThreads - 1 - threadIdx.x];
}

__device__ int load_volatile(const int* address) {
  return *static_cast<const volatile int*>(address);
}

// CTA 0 writes data and raises a flag, CTA 1 waits for it.
template <bool kProducerFence, bool kConsumerFence, bool kPlainFlag>
__device__ void pass_message(int* out) {
  volatile int* const flag = out + 32;
  if (threadIdx.x != 0) {
    return;
  }
  if (blockIdx.x == 0) {
    out[0] = 42;
    if (kProducerFence) {
      __threadfence();
    }
    if (kPlainFlag) {
      out[32] = 1;
    } else {
      *flag = 1;
    }
  } else {
    while (*flag == 0) {
    }
    if (kConsumerFence) {
      __threadfence();
    }
    out[64] = out[0];
  }
}
template <bool kCorrect>
__global__ void message_without_producer_fence(int* out) {
  pass_message<kCorrect, true, false>(out);
}
template <bool kCorrect>
__global__ void message_without_consumer_fence(int* out) {
  pass_message<true, kCorrect, false>(out);
}
template <bool kCorrect>
__global__ void flag_raised_by_plain_store(int* out) {
  pass_message<true, true, !kCorrect>(out);
}

template <bool kCorrect>
__global__ void flag_released_to_the_block_only(int* out) {
  if (threadIdx.x != 0) {
    return;
  }
  if (blockIdx.x == 0) {
    out[0] = 42;
    if (kCorrect) {
      asm volatile("st.release.gpu.global.u32 [%0], 1;" ::"l"(out + 32) : "memory");
    } else {
      asm volatile("st.release.cta.global.u32 [%0], 1;" ::"l"(out + 32) : "memory");
    }
  } else {
    int seen = 0;
    while (seen == 0) {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(out + 32) : "memory");
    }
    out[64] = out[0];
  }
}

template <bool kUnlockFence, bool kLockFence>
__device__ void add_under_lock(int* out) {
  if (threadIdx.x != 0) {
    return;
  }
  while (atomicCAS(out, 0, 1) != 0) {
  }
  if (kLockFence) {
    __threadfence();
  }
  out[32] += 1;
  if (kUnlockFence) {
    __threadfence();
  }
  atomicExch(out, 0);
}
template <bool kCorrect>
__global__ void unlock_without_fence(int* out) {
  add_under_lock<kCorrect, true>(out);
}
template <bool kCorrect>
__global__ void lock_without_fence(int* out) {
  add_under_lock<true, kCorrect>(out);
}

template <bool kCorrect>
__global__ void block_atomic_on_a_shared_counter(int* out) {
  if (threadIdx.x == 0) {
    if (kCorrect) {
      atomicAdd(out, 1);
    } else {
      atomicAdd_block(out, 1);
    }
  }
}

template <bool kCorrect>
__global__ void plain_reset_beside_atomics(int* out) {
  if (kCorrect || blockIdx.x != 0) {
    atomicAdd(out, 1);
  } else {
    out[0] = 5;
  }
}

template <bool kCorrect>
__global__ void grid_barrier_without_fence(int* out) {
  out[64 + blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
  __syncthreads();
  if (threadIdx.x == 0) {
    if (kCorrect) {
      __threadfence();
    }
    atomicAdd(out, 1);
    while (load_volatile(out) < static_cast<int>(gridDim.x)) {
    }
    if (kCorrect) {
      __threadfence();
    }
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    out[128 + blockIdx.x] = out[64 + (blockIdx.x + 1) % gridDim.x];
  }
}

template <bool kCorrect>
__global__ void cached_result_of_first_block(int* out) {
  // "The first block has surely finished": nothing says so.
  if (blockIdx.x == 0) {
    out[threadIdx.x] = static_cast<int>(threadIdx.x) + 1;
  } else if (!kCorrect) {
    out[blockIdx.x * kThreads + threadIdx.x] = out[threadIdx.x];
  }
}

__global__ void write_all(int* out, int value) {
  out[blockIdx.x * kThreads + threadIdx.x] = value + static_cast<int>(threadIdx.x);
}
__global__ void read_all(const int* in, int* out) {
  out[blockIdx.x * kThreads + threadIdx.x] = in[blockIdx.x * kThreads + threadIdx.x];
}

struct Streams {
  Streams() {
    cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
    cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    cudaDeviceSynchronize();
  }
  ~Streams() {
    cudaDeviceSynchronize();
    cudaEventDestroy(event);
    cudaStreamDestroy(first);
    cudaStreamDestroy(second);
  }
  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
  cudaEvent_t event = nullptr;
};

void unordered_streams(bool is_correct, int* memory) {
  const Streams streams;
  write_all<<<kBlocks, kThreads, 0, streams.first>>>(memory, 1);
  if (is_correct) {
    cudaEventRecord(streams.event, streams.first);
    cudaStreamWaitEvent(streams.second, streams.event, 0);
  }
  read_all<<<kBlocks, kThreads, 0, streams.second>>>(memory, memory + 4096);
}

void event_recorded_too_early(bool is_correct, int* memory) {
  const Streams streams;
  if (!is_correct) {
    cudaEventRecord(streams.event, streams.first);
  }
  write_all<<<kBlocks, kThreads, 0, streams.first>>>(memory, 1);
  if (is_correct) {
    cudaEventRecord(streams.event, streams.first);
  }
  cudaStreamWaitEvent(streams.second, streams.event, 0);
  read_all<<<kBlocks, kThreads, 0, streams.second>>>(memory, memory + 4096);
}

void two_writers_in_two_streams(bool is_correct, int* memory) {
  const Streams streams;
  write_all<<<kBlocks, kThreads, 0, streams.first>>>(memory, 1);
  write_all<<<kBlocks, kThreads, 0, streams.second>>>(is_correct ? memory + 4096 : memory, 2);
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& global_memory_faults() {
  static const std::vector<Planted> faults = {
      RACKPROOF_PLANTED(lanes_store_different_values,
                        "lanes of a warp store different values to one word",
                        "is not ordered after the write", 1, 32),
      RACKPROOF_PLANTED(last_block_without_fence, "last-block reduction without __threadfence",
                        "another CTA", kBlocks, kThreads),
      RACKPROOF_PLANTED(last_block_with_block_fence,
                        "last-block reduction with __threadfence_block", "another CTA", kBlocks,
                        kThreads),
      RACKPROOF_PLANTED(last_block_without_barrier,
                        "last-block: one thread fences and counts, others' writes have no barrier",
                        "another CTA", kBlocks, kThreads),
      RACKPROOF_PLANTED(last_block_sees_stale_line,
                        "last-block without an acquiring fence, results loaded before",
                        "another CTA", kBlocks, kThreads),
      RACKPROOF_PLANTED(look_back_in_place,
                        "tile overwritten after a message sent before it was read", "another CTA",
                        2, kThreads),
      RACKPROOF_PLANTED(neighbours_tile, "a CTA reads what the next CTA writes", "another CTA",
                        kBlocks, kThreads),
      RACKPROOF_PLANTED(stencil_in_place, "stencil updates its input in place", "is not ordered",
                        kBlocks, kThreads),
      RACKPROOF_PLANTED(maximum_without_swap, "maximum by plain accesses instead of atomicCAS",
                        "is not ordered after", 2, 64),
      RACKPROOF_PLANTED(counter_without_atomic, "global counter with += instead of atomicAdd",
                        "another CTA", kBlocks, kThreads),
      RACKPROOF_PLANTED(volatile_counter, "global counter through volatile instead of atomicAdd",
                        nullptr, kBlocks, kThreads),
      RACKPROOF_PLANTED(global_exchange_without_barrier,
                        "threads of a CTA exchange global words without a barrier",
                        "(a barrier is missing)", 1, kThreads),
      RACKPROOF_PLANTED(message_without_producer_fence, "flag raised without a fence before it",
                        "another CTA", 2, 32),
      RACKPROOF_PLANTED(message_without_consumer_fence, "flag seen, data read without a fence",
                        "another CTA", 2, 32),
      RACKPROOF_PLANTED(flag_raised_by_plain_store, "flag raised by a plain store",
                        "is not ordered after the", 2, 32),
      RACKPROOF_PLANTED(flag_released_to_the_block_only, "st.release.cta towards another CTA",
                        "another CTA", 2, 32),
      RACKPROOF_PLANTED(unlock_without_fence, "spin lock released without a fence", "another CTA",
                        kBlocks, 32),
      RACKPROOF_PLANTED(lock_without_fence, "spin lock taken without a fence", "another CTA",
                        kBlocks, 32),
      RACKPROOF_PLANTED(block_atomic_on_a_shared_counter,
                        "atomicAdd_block on a counter of all CTAs", "another CTA", kBlocks, 32),
      RACKPROOF_PLANTED(plain_reset_beside_atomics, "plain store to a counter others add to",
                        "is not ordered after the", kBlocks, 32),
      RACKPROOF_PLANTED(grid_barrier_without_fence, "hand-made grid barrier without fences",
                        "another CTA", kBlocks, kThreads),
      RACKPROOF_PLANTED(cached_result_of_first_block, "all CTAs read what CTA 0 writes",
                        "another CTA", kBlocks, kThreads),
      {"unordered_streams", "kernels of two streams, one writes what the other reads",
       "nothing orders the two", unordered_streams},
      {"event_recorded_too_early", "event recorded before the kernel it should cover",
       "nothing orders the two", event_recorded_too_early},
      {"two_writers_in_two_streams", "kernels of two streams write one buffer",
       "nothing orders the two", two_writers_in_two_streams},
  };
  return faults;
}

}  // namespace rackproof::test
