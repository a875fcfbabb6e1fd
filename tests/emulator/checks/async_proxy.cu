// Bulk copies, mbarriers and clusters: waits, proxy fences and counts that are missing.
#include "tests/emulator/checks/planted.hpp"

namespace {

constexpr int kThreads = 64;
constexpr unsigned kTileBytes = kThreads * sizeof(int);

__device__ unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}
__device__ void init(unsigned long long& barrier, unsigned count) {
  if (threadIdx.x == 0) {
    asm volatile(
        "mbarrier.init.shared::cta.b64 [%0], %1;\nfence.mbarrier_init.release.cluster;" ::"r"(
            shared_address(&barrier)),
        "r"(count)
        : "memory");
  }
  __syncthreads();
}
__device__ void expect(unsigned long long& barrier, unsigned bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)),
      "r"(bytes)
      : "memory");
}
__device__ void arrive(unsigned long long& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier))
               : "memory");
}
__device__ void wait(unsigned long long& barrier, unsigned parity) {
  asm volatile(
      "{\n.reg .pred p;\nW:\nmbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n@!p bra "
      "W;\n}" ::"r"(shared_address(&barrier)),
      "r"(parity)
      : "memory");
}
__device__ void load(void* tile, const void* source, unsigned long long& barrier,
                     unsigned bytes = kTileBytes) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(tile)),
      "l"(source), "r"(bytes), "r"(shared_address(&barrier))
      : "memory");
}
// Into the same place of another CTA.
__device__ void copy_to(unsigned target, const void* tile, unsigned long long& barrier) {
  asm volatile(
      "{\n.reg .b32 there, signal;\nmapa.shared::cluster.u32 there, %0, %1;\n"
      "mapa.shared::cluster.u32 signal, %2, %1;\n"
      "cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [there], [%0], %3, "
      "[signal];\n}" ::"r"(shared_address(tile)),
      "r"(target), "r"(shared_address(&barrier)), "r"(kTileBytes)
      : "memory");
}
__device__ void store(void* target, const void* tile) {
  asm volatile(
      "cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;\ncp.async.bulk.commit_group;" ::
          "l"(target),
      "r"(shared_address(tile)), "r"(kTileBytes)
      : "memory");
}
__device__ void wait_reads() {
  asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory");
}
__device__ void wait_stores() {
  asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
}
__device__ void arrive_remote(unsigned long long& barrier, unsigned target) {
  asm volatile(
      "{\n.reg .b32 there;\nmapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n}" ::"r"(
          shared_address(&barrier)),
      "r"(target)
      : "memory");
}
__device__ void fence_async() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
__device__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive;" ::: "memory");
}
__device__ void cluster_arrive_relaxed() {
  asm volatile("barrier.cluster.arrive.relaxed;" ::: "memory");
}
__device__ void cluster_wait() {
  asm volatile("barrier.cluster.wait;" ::: "memory");
}
__device__ unsigned rank() {
  unsigned value;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(value));
  return value;
}
__device__ int load_remote(const int* word, unsigned rank_of_owner) {
  int value;
  asm volatile(
      "{\n.reg .b32 a;\nmapa.shared::cluster.u32 a, %1, %2;\nld.shared::cluster.u32 %0, [a];\n}"
      : "=r"(value)
      : "r"(shared_address(word)), "r"(rank_of_owner)
      : "memory");
  return value;
}

__device__ void fence_async_global() {
  asm volatile("fence.proxy.async.global;" ::: "memory");
}

// Threads write global memory that a bulk copy of the same grid reads.
template <bool kCorrect>
__global__ void bulk_load_without_global_proxy_fence(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  out[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (kCorrect) {
    fence_async_global();
  } else {
    fence_async();  // of shared memory
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
    load(tile, out, barrier);
  }
  wait(barrier, 0);
  out[1024 + threadIdx.x] = tile[threadIdx.x];
}
// The same between CTAs: the fence of the writer goes with the flag.
template <bool kCorrect>
__global__ void bulk_load_of_another_cta_without_proxy_fence(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  int* const flag = out + 2048;
  if (blockIdx.x == 0) {
    out[threadIdx.x] = static_cast<int>(threadIdx.x);
    if (kCorrect) {
      fence_async_global();
    } else {
      fence_async();  // of shared memory
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      __threadfence();
      atomicExch(flag, 1);
    }
    return;
  }
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
    }
    __threadfence();
    expect(barrier, kTileBytes);
    load(tile, out, barrier);
  }
  wait(barrier, 0);
  out[1024 + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void bulk_store_without_proxy_fence(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (kCorrect) {
    fence_async();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    store(out, tile);
    wait_stores();
  }
  fence_async();  // of kernels without any, none is demanded
}
// The fence stands behind the barrier, in a thread that does not issue the copy.
template <bool kCorrect>
__global__ void proxy_fence_in_the_wrong_thread(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  if (threadIdx.x == (kCorrect ? 0 : 32)) {
    fence_async();
  }
  if (threadIdx.x == 0) {
    store(out, tile);
    wait_stores();
  }
}
template <bool kCorrect>
__global__ void bulk_data_read_without_wait(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
    load(tile, out, barrier);
  }
  if (kCorrect) {
    wait(barrier, 0);
  }
  out[kThreads + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void bulk_data_waited_for_by_one_warp(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
    load(tile, out, barrier);
  }
  if (kCorrect || threadIdx.x < 32) {
    wait(barrier, 0);
  }
  out[kThreads + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void words_exchanged_without_wait(int* out) {
  __shared__ int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, kThreads);
  const int t = threadIdx.x;
  tile[t] = t;
  arrive(barrier);
  if (kCorrect) {
    wait(barrier, 0);
  }
  out[t] = tile[kThreads - 1 - t] + tile[t ^ 1];
}
template <bool kCorrect>
__global__ void phase_flipped(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
    load(tile, out, barrier);
  }
  wait(barrier, kCorrect ? 0 : 1);
  out[kThreads + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void stage_overwritten_before_it_was_stored(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  for (int round = 0; round < 2; ++round) {
    tile[threadIdx.x] = round;
    fence_async();
    __syncthreads();
    if (threadIdx.x == 0) {
      store(out + round * kThreads, tile);
      if (kCorrect) {
        wait_reads();
      }
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    wait_stores();
  }
}
// One stage, filled twice; the consumers hand it back through the second mbarrier.
template <bool kCorrect>
__global__ void stage_refilled_while_it_is_read(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long full;
  __shared__ unsigned long long empty;
  init(full, 1);
  init(empty, 32);
  int sum = 0;
  for (unsigned round = 0; round < 2; ++round) {
    if (threadIdx.x == 0) {
      if (kCorrect && round != 0) {
        wait(empty, 0);
      }
      expect(full, kTileBytes);
      load(tile, out, full);
    } else if (threadIdx.x >= 32) {
      wait(full, round & 1);
      sum += tile[threadIdx.x];
      arrive(empty);
    }
  }
  out[kThreads + threadIdx.x] = sum;
}
template <bool kCorrect>
__global__ void stored_data_read_without_wait(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  fence_async();
  __syncthreads();
  if (threadIdx.x == 0) {
    store(out, tile);
    if (kCorrect) {
      wait_stores();
    } else {
      wait_reads();
    }
    out[kThreads] = out[5];
  }
}
template <bool kCorrect>
__global__ void too_few_bytes_expected(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kCorrect ? kTileBytes : kTileBytes / 2);
    load(tile, out, barrier);
  }
  wait(barrier, 0);
  out[kThreads + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void too_many_bytes_expected(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kCorrect ? kTileBytes : kTileBytes * 2);
    load(tile, out, barrier);
  }
  wait(barrier, 0);
  out[kThreads + threadIdx.x] = tile[threadIdx.x];
}
template <bool kCorrect>
__global__ void arrival_count_too_high(int* out) {
  __shared__ unsigned long long barrier;
  init(barrier, kCorrect ? kThreads : kThreads + 1);
  arrive(barrier);
  wait(barrier, 0);
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void arrival_count_too_low(int* out) {
  __shared__ unsigned long long barrier;
  init(barrier, kCorrect ? kThreads : 24);
  arrive(barrier);
  wait(barrier, 0);
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void mbarrier_initialised_again_in_use(int* out) {
  __shared__ unsigned long long barrier;
  init(barrier, kThreads);
  if (threadIdx.x == 0) {
    arrive(barrier);
  }
  if (!kCorrect) {
    init(barrier, kThreads);
  }
  if (threadIdx.x != 0) {
    arrive(barrier);
  }
  wait(barrier, 0);
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void unaligned_bulk_copy(int* out) {
  __shared__ alignas(128) int tile[kThreads + 4];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
    load(tile + (kCorrect ? 4 : 2), out, barrier);
  }
  wait(barrier, 0);
  out[kThreads + threadIdx.x] = tile[threadIdx.x + 4];
}
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) neighbour_read_without_cluster_barrier(int* out) {
  __shared__ int word;
  if (threadIdx.x == 0) {
    word = static_cast<int>(rank()) + 1;
  }
  if (kCorrect) {
    cluster_arrive();
    cluster_wait();
  }
  out[blockIdx.x * 32 + threadIdx.x] = load_remote(&word, rank() ^ 1);
  cluster_arrive();
  cluster_wait();
}
// The owner of the word may be gone when it is read.
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) neighbour_exits_early(int* out) {
  __shared__ int word;
  word = 1;
  cluster_arrive();
  cluster_wait();
  int sum = 0;
  if (rank() == 1) {
    for (int i = 0; i < 4000; ++i) {
      sum += atomicAdd(out + 100, 1);
    }
    sum += load_remote(&word, 0);
  }
  if (kCorrect) {
    cluster_arrive();
    cluster_wait();
  }
  out[blockIdx.x * 32 + threadIdx.x] = sum;
}
// The owner of the word is late, so that it is always there; nothing makes it wait.
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) neighbour_may_exit_early(int* out) {
  __shared__ int word;
  word = 1;
  cluster_arrive();
  cluster_wait();
  int sum = 0;
  if (rank() == 1) {
    sum = load_remote(&word, 0);
  } else {
    for (int i = 0; i < 4000; ++i) {
      sum += atomicAdd(out + 100, 1);
    }
  }
  cluster_arrive_relaxed();
  if (kCorrect) {
    cluster_wait();
  }
  out[blockIdx.x * 32 + threadIdx.x] = sum;
}
// Source and destination of a copy may be gone before anybody has seen that it is complete.
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) destination_may_exit_early(int* out) {
  __shared__ alignas(128) int tile[kThreads];
  __shared__ unsigned long long barrier;
  init(barrier, 1);
  if (rank() == 0) {
    tile[threadIdx.x] = 1;
    fence_async();
  } else if (threadIdx.x == 0) {
    expect(barrier, kTileBytes);
  }
  cluster_arrive();
  cluster_wait();
  if (rank() == 0 && threadIdx.x == 0) {
    copy_to(1, tile, barrier);
  }
  if (kCorrect) {
    if (rank() == 1) {
      wait(barrier, 0);
    }
    cluster_arrive_relaxed();
    cluster_wait();
  }
  out[rank() * kThreads + threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void mbarrier_used_before_its_init(int* out) {
  __shared__ unsigned long long barrier;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)),
                 "r"(kThreads)
                 : "memory");
  } else if (!kCorrect) {
    __nanosleep(100000);
  }
  if (kCorrect) {
    __syncthreads();
  }
  arrive(barrier);
  wait(barrier, 0);
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) mbarrier_init_not_fenced(int* out) {
  __shared__ unsigned long long barrier;
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 2;" ::"r"(shared_address(&barrier))
                 : "memory");
    if (kCorrect) {
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    }
  }
  cluster_arrive_relaxed();
  cluster_wait();
  if (threadIdx.x == 0) {
    arrive_remote(barrier, 0);
    arrive_remote(barrier, 1);
  }
  wait(barrier, 0);
  out[threadIdx.x] = 1;
}
template <bool kCorrect>
__global__ void __cluster_dims__(2, 1, 1) cluster_wait_without_arrive(int* out) {
  if (kCorrect || threadIdx.x != 3) {
    cluster_arrive();
  }
  cluster_wait();
  out[threadIdx.x] = 1;
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& async_proxy_faults() {
  // Where it says "shared read", the order of warps decides whether the copy has begun.
  static const std::vector<Planted> faults = {
      RACKPROOF_PLANTED(bulk_store_without_proxy_fence,
                        "bulk store of a tile that threads wrote, without fence.proxy.async",
                        "no fence.proxy.async lies between", 1, kThreads),
      RACKPROOF_PLANTED(proxy_fence_in_the_wrong_thread,
                        "fence.proxy.async behind the barrier, in a thread that issues nothing",
                        "no fence.proxy.async lies between", 1, kThreads),
      RACKPROOF_PLANTED(bulk_load_without_global_proxy_fence,
                        "bulk load of what threads wrote, behind a fence of shared memory only",
                        "no fence.proxy.async lies between", 1, kThreads),
      RACKPROOF_PLANTED(
          bulk_load_of_another_cta_without_proxy_fence,
          "bulk load of what another CTA wrote and released, behind a fence of shared memory",
          "no fence.proxy.async lies between", 2, kThreads),
      RACKPROOF_PLANTED(bulk_data_read_without_wait, "bulk-loaded tile read without a wait",
                        "shared", 1, kThreads),  // a race, or a value that nobody wrote
      RACKPROOF_PLANTED(bulk_data_waited_for_by_one_warp,
                        "bulk-loaded tile read by a warp that did not wait", "shared", 1, kThreads),
      RACKPROOF_PLANTED(words_exchanged_without_wait,
                        "threads arrive at an mbarrier and read before its phase has ended",
                        "which reads what nobody wrote", 1, kThreads),
      RACKPROOF_PLANTED(phase_flipped, "mbarrier waited for with the wrong parity", "shared read",
                        1, kThreads),
      RACKPROOF_PLANTED(stage_overwritten_before_it_was_stored,
                        "stage written again without cp.async.bulk.wait_group.read",
                        "is not ordered after the asynchronous read", 1, kThreads),
      RACKPROOF_PLANTED(stage_refilled_while_it_is_read,
                        "stage loaded again before its readers handed it back", "barrier", 1,
                        kThreads),
      RACKPROOF_PLANTED(stored_data_read_without_wait,
                        "bulk-stored data read after wait_group.read only",
                        "is not ordered after the cp.async.bulk", 1, kThreads),
      RACKPROOF_PLANTED(too_few_bytes_expected, "expect_tx of half the bytes", "deadlock", 1,
                        kThreads),
      RACKPROOF_PLANTED(too_many_bytes_expected, "expect_tx of twice the bytes", "deadlock", 1,
                        kThreads),
      RACKPROOF_PLANTED(arrival_count_too_high, "mbarrier that expects one arrival too many",
                        "deadlock", 1, kThreads),
      RACKPROOF_PLANTED(arrival_count_too_low, "mbarrier that expects too few arrivals", "deadlock",
                        1, kThreads),
      RACKPROOF_PLANTED(mbarrier_initialised_again_in_use, "mbarrier.init in the middle of a phase",
                        "mbarrier that is in use", 1, kThreads),
      RACKPROOF_PLANTED(unaligned_bulk_copy, "bulk copy to a shared address aligned to 8",
                        "no multiple of 16 bytes", 1, kThreads),
      RACKPROOF_PLANTED(neighbour_read_without_cluster_barrier,
                        "word of another CTA read without barrier.cluster", "shared", 2, 32),
      RACKPROOF_PLANTED(neighbour_exits_early, "CTA exits while another reads its shared memory",
                        "has exited", 2, 32),
      RACKPROOF_PLANTED(neighbour_may_exit_early,
                        "CTA arrives at the last barrier.cluster, but does not wait for it",
                        "nothing orders that after the access of thread", 2, 32),
      RACKPROOF_PLANTED(destination_may_exit_early, "CTAs exit while one copies to the other",
                        "which nobody has seen complete", 2, kThreads),
      RACKPROOF_PLANTED(mbarrier_used_before_its_init,
                        "no barrier between mbarrier.init and the first arrivals", "mbarrier", 1,
                        kThreads),
      RACKPROOF_PLANTED(mbarrier_init_not_fenced,
                        "mbarrier.init, then a relaxed barrier.cluster without fence.mbarrier_init",
                        "fence.mbarrier_init or a releasing barrier.cluster.arrive", 2, 32),
      RACKPROOF_PLANTED(cluster_wait_without_arrive, "barrier.cluster.wait without an arrival",
                        "without having arrived", 2, 32),
  };
  return faults;
}

}  // namespace rackproof::test
