// Polling that nobody satisfies any more; beside it polling that somebody does, however late.
#include "tests/emulator/checks/planted.hpp"

#include <chrono>
#include <thread>

namespace {

// One word counts arrivals; as many CTAs as may come have to be on the device together.
__global__ void grid_barrier_of_too_many(int* words) {
  __shared__ int ballast[12000];  // four CTAs fill a multiprocessor
  ballast[threadIdx.x] = 0;
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(words, 1);
    while (atomicAdd(words, 0) < static_cast<int>(gridDim.x)) {
    }
    __threadfence();
  }
  __syncthreads();
  words[64 + blockIdx.x] = ballast[threadIdx.x];
}
template <bool kCorrect>
__global__ void flag_nobody_raises(int* words) {
  if (blockIdx.x == 0 && kCorrect) {
    atomicExch(words, 1);
  } else if (blockIdx.x == 1) {
    while (*static_cast<volatile int*>(words) == 0) {
    }
  }
}
// The polling thread tells the others through shared memory, again and again.
template <bool kCorrect>
__global__ void block_polls_together(int* words) {
  __shared__ int seen;
  if (blockIdx.x == 0) {
    if (kCorrect && threadIdx.x == 0) {
      atomicExch(words, 1);
    }
    return;
  }
  do {
    __syncthreads();
    if (threadIdx.x == 0) {
      seen = *static_cast<volatile int*>(words);
    }
    __syncthreads();
  } while (seen == 0);
}
template <bool kCorrect>
__global__ void lock_never_released(int* words) {
  if (threadIdx.x % 32 == 0) {
    while (atomicCAS(words, 0, 1) != 0) {
      __nanosleep(100);
    }
    __threadfence();
    words[1] += 1;
    __threadfence();
    if (kCorrect) {
      atomicExch(words, 0);
    }
  }
}
template <bool kCorrect>
__global__ void mbarrier_short_of_an_arrival(int* words) {
  __shared__ unsigned long long barrier;
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(&barrier));
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(address), "r"(kCorrect ? 64 : 65)
                 : "memory");
  }
  __syncthreads();
  asm volatile(
      "{\n.reg .b64 state;\n.reg .pred done;\n"
      "mbarrier.arrive.shared.b64 state, [%0];\n"
      "again:\nmbarrier.test_wait.shared.b64 done, [%0], state;\n@!done bra again;\n}" ::"r"(
          address)
      : "memory");
  words[threadIdx.x] = 1;
}
// Not volatile, so the compiler reads the flag once.
template <bool kCorrect>
__global__ void flag_read_once(int* words) {
  if (threadIdx.x == 0) {
    atomicExch(words, 1);
  } else if (threadIdx.x == 32 && kCorrect) {
    while (*static_cast<volatile int*>(words) == 0) {
    }
  } else if (threadIdx.x == 32) {
    asm volatile(
        "{\n.reg .pred zero;\n.reg .b32 value;\n"
        "ld.volatile.global.u32 value, [%0];\nsetp.eq.u32 zero, value, 0;\n"
        "again:\n@zero bra again;\n}" ::"l"(words + 1)
        : "memory");
  }
}
template <bool kCorrect>
__global__ void poll_without_end(int* words) {
  for (unsigned turn = 0; kCorrect ? turn < 100000 : true; ++turn) {
    if (*static_cast<volatile int*>(words) != 0) {
      break;
    }
  }
}
__global__ void wait_for_clocks(long long clocks, long long* waited) {
  const long long start = clock64();
  while (clock64() - start < clocks) {
  }
  if (threadIdx.x == 0) {
    *waited = clock64() - start;
  }
}
__global__ void raise_flag(int* words) {
  atomicExch(words, 1);
}
__global__ void poll(const int* words) {
  while (*static_cast<const volatile int*>(words) == 0) {
  }
}
// The stream that would raise the flag waits for the one that polls.
void flag_raised_behind_the_poller(bool is_correct, int* words) {
  cudaStream_t streams[2];
  cudaStreamCreateWithFlags(&streams[0], cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&streams[1], cudaStreamNonBlocking);
  cudaEvent_t done;
  cudaEventCreate(&done);
  poll<<<1, 32, 0, streams[0]>>>(words);
  cudaEventRecord(done, streams[0]);
  if (!is_correct) {
    cudaStreamWaitEvent(streams[1], done, 0);
  }
  raise_flag<<<1, 1, 0, streams[1]>>>(words);
}
void flag_of_the_host_never_raised(bool is_correct, int*) {
  int* flag = nullptr;
  cudaHostAlloc(reinterpret_cast<void**>(&flag), sizeof(int), cudaHostAllocMapped);
  *flag = 0;
  poll<<<1, 32>>>(flag);
  if (is_correct) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    *static_cast<volatile int*>(flag) = 1;
  }
}
// The host may take its time before it starts who raises the flag.
void flag_raised_after_a_pause(bool is_correct, int* words) {
  cudaStream_t streams[2];
  cudaStreamCreateWithFlags(&streams[0], cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&streams[1], cudaStreamNonBlocking);
  poll<<<1, 32, 0, streams[0]>>>(words);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  if (is_correct) {
    raise_flag<<<1, 1, 0, streams[1]>>>(words);
  }
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& progress_faults() {
  static const std::vector<Planted> faults = {
      {"grid_barrier_of_too_many", "hand-made grid barrier of more CTAs than fit",
       "CTAs have not begun",
       [](bool is_correct, int* memory) {
         grid_barrier_of_too_many<<<is_correct ? 64 : 800, 32>>>(memory);
       }},
      RACKPROOF_PLANTED(flag_nobody_raises, "a CTA polls a flag that nobody raises",
                        "nothing can progress; it polls 4 bytes", 2, 1),
      RACKPROOF_PLANTED(block_polls_together,
                        "a CTA polls through one thread, shared memory and barriers",
                        "nothing can progress; it polls 4 bytes", 2, 64),
      RACKPROOF_PLANTED(lock_never_released, "spin lock that its holder does not release",
                        "nothing can progress; it polls 4 bytes", 1, 64),
      RACKPROOF_PLANTED(mbarrier_short_of_an_arrival,
                        "an mbarrier waits for more arrivals than there are",
                        "waits for 1 arrivals", 1, 64),
      RACKPROOF_PLANTED(flag_read_once, "loop over a flag that was read before it",
                        "nothing can progress", 1, 64),
      RACKPROOF_PLANTED(poll_without_end, "polling that does not give up",
                        "nothing can progress; it polls 4 bytes", 1, 1),
      {"flag_raised_behind_the_poller",
       "the stream that raises a flag waits for the one that polls",
       "nothing can progress; it polls 4 bytes", flag_raised_behind_the_poller},
      {"flag_of_the_host_never_raised", "kernel polls host memory while the host waits for it",
       "nothing can progress; it polls 4 bytes", flag_of_the_host_never_raised},
      {"flag_raised_after_a_pause", "host forgets to start the kernel that raises a flag",
       "nothing can progress; it polls 4 bytes", flag_raised_after_a_pause},
  };
  return faults;
}

long long clocks_waited(long long clocks) {
  void* waited = nullptr;
  long long result = 0;
  cudaMalloc(&waited, sizeof result);
  wait_for_clocks<<<1, 64>>>(clocks, static_cast<long long*>(waited));
  cudaMemcpy(&result, waited, sizeof result, cudaMemcpyDeviceToHost);
  return result;
}

}  // namespace rackproof::test
