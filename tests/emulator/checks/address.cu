// Accesses that no memory backs, or not any more, or not at this alignment.
#include "tests/emulator/checks/planted.hpp"

#include <cstdlib>

namespace {

constexpr int kBytes = 65536;
constexpr int kWords = kBytes / 4;

template <bool kCorrect>
__global__ void one_word_past_the_end(int* out) {
  out[kWords - 64 + static_cast<int>(threadIdx.x) + (kCorrect ? 0 : 1)] = 1;
}
template <bool kCorrect>
__global__ void one_word_before_the_beginning(int* out) {
  out[static_cast<int>(threadIdx.x) - (kCorrect ? 0 : 1)] = 1;
}
template <bool kCorrect>
__global__ void vector_runs_past_the_end(int* out) {
  const auto* const last = reinterpret_cast<const int4*>(out + kWords - (kCorrect ? 8 : 4));
  out[threadIdx.x] = last[1].x;
}
template <bool kCorrect>
__global__ void null_pointer(int* out) {
  const unsigned long long target = kCorrect ? reinterpret_cast<unsigned long long>(out) : 0;
  asm volatile("st.global.u32 [%0], 1;" ::"l"(target) : "memory");
}
template <bool kCorrect>
__global__ void misaligned_vector_load(int* out) {
  const int4 value = *reinterpret_cast<const int4*>(out + (kCorrect ? 4 : 2));
  out[64 + threadIdx.x] = value.x + value.y + value.z + value.w;
}
template <bool kCorrect>
__global__ void misaligned_shared_store(int* out) {
  __shared__ __align__(16) char bytes[64];
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(bytes + (kCorrect ? 4 : 6)));
  if (threadIdx.x == 0) {
    asm volatile("st.shared.u32 [%0], 1;" ::"r"(address) : "memory");
    out[0] = bytes[4];
  }
}
template <bool kCorrect>
__global__ void misaligned_atomic(int* out) {
  atomicAdd(reinterpret_cast<unsigned long long*>(out + (kCorrect ? 2 : 1)), 1ULL);
}
__global__ void fill_dynamic_shared(int* out) {
  extern __shared__ int tile[];
  tile[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = tile[threadIdx.x];
}
__global__ void write_first(int* out) {
  out[threadIdx.x] = 1;
}

void dynamic_shared_memory_too_small(bool is_correct, int* memory) {
  fill_dynamic_shared<<<1, 64, is_correct ? 256 : 252>>>(memory);
}
void use_after_free(bool is_correct, int*) {
  void* gone = nullptr;
  cudaMalloc(&gone, 4096);
  if (!is_correct) {
    cudaFree(gone);
  }
  write_first<<<1, 64>>>(static_cast<int*>(gone));
}
void use_after_stream_ordered_free(bool is_correct, int*) {
  void* gone = nullptr;
  cudaMallocAsync(&gone, 4096, nullptr);
  if (!is_correct) {
    cudaFreeAsync(gone, nullptr);
  }
  write_first<<<1, 64>>>(static_cast<int*>(gone));
}
void pageable_host_memory(bool is_correct, int* memory) {
  static int* const host = static_cast<int*>(std::malloc(4096));
  write_first<<<1, 64>>>(is_correct ? memory : host);
}
void peer_not_enabled(bool is_correct, int* memory) {
  cudaSetDevice(1);
  if (is_correct) {
    cudaDeviceEnablePeerAccess(0, 0);
  }
  write_first<<<1, 64>>>(memory);
}
void beyond_into_the_next_allocation(bool is_correct, int*) {
  constexpr int kManyWords = 1 << 20;
  void* first = nullptr;
  void* second = nullptr;
  cudaMalloc(&first, kManyWords * sizeof(int));
  cudaMalloc(&second, kManyWords * sizeof(int));
  write_first<<<1, 64>>>(static_cast<int*>(first) +
                         (is_correct ? kManyWords - 64 : 2 * kManyWords - 64));
}

}  // namespace

namespace rackproof::test {

const std::vector<Planted>& address_faults() {
  static const std::vector<Planted> faults = {
      RACKPROOF_PLANTED(one_word_past_the_end, "write one word past the end of an allocation",
                        "past the end of allocation", 1, 64),
      RACKPROOF_PLANTED(one_word_before_the_beginning, "write one word before an allocation",
                        "is outside any allocation", 1, 64),
      RACKPROOF_PLANTED(vector_runs_past_the_end, "vector load past the end of an allocation",
                        "past the end of allocation", 1, 32),
      RACKPROOF_PLANTED(null_pointer, "null pointer", "at 0x0 is outside any allocation", 1, 1),
      RACKPROOF_PLANTED(misaligned_vector_load, "16-byte load from an address aligned to 8",
                        "is not aligned to its size", 1, 32),
      RACKPROOF_PLANTED(misaligned_shared_store, "4-byte store to an odd half in shared memory",
                        "is not aligned to its size", 1, 32),
      RACKPROOF_PLANTED(misaligned_atomic, "8-byte atomic at an address aligned to 4",
                        "is not aligned to its size", 1, 32),
      {"dynamic_shared_memory_too_small", "launch with less dynamic shared memory than used",
       "is outside the CTA's shared memory", dynamic_shared_memory_too_small},
      {"use_after_free", "kernel writes to memory after cudaFree", "was freed", use_after_free},
      {"use_after_stream_ordered_free", "kernel writes to memory after cudaFreeAsync", "was freed",
       use_after_stream_ordered_free},
      {"pageable_host_memory", "kernel writes to host memory from malloc",
       "is outside any allocation", pageable_host_memory},
      {"peer_not_enabled", "kernel writes to another device's memory, access not enabled",
       "has not enabled access to that peer", peer_not_enabled},
      {"beyond_into_the_next_allocation", "index beyond an array by less than its size",
       "is outside any allocation", beyond_into_the_next_allocation},
  };
  return faults;
}

}  // namespace rackproof::test
