#pragma once
/// Split-K: the CTAs of one tile each sum a slice of K; the one that arrives last adds the slices
/// in their order and finishes the tile. Sums therefore never depend on which CTA that is: two
/// launches give the same bits.

#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/atomic.cuh"
#include "kernels/ptx/memory.cuh"

#include <cstring>

namespace rackproof::kernels::gemm {

/// Where a thread's partial sums of fragment `fragment` lie: 16 bytes a thread, a warp's together.
template <int Threads, int Fragments>
__device__ __forceinline__ char* partial_of(const KernelArguments& arguments, const CtaWork& work,
                                            int slice, int fragment, int thread) {
  const std::int64_t tile = static_cast<std::int64_t>(slice) * work.tiles + work.tile_number;
  return static_cast<char*>(arguments.partials) +
         ((tile * Fragments + fragment) * Threads + thread) * kVectorBytes;
}

/// Returns true in all threads of the CTA that holds the tile's total in `sums` and must store it.
/// `fragment(f)` is a thread's f-th 16 bytes of accumulators as an array of Sum, `exists(f)` says
/// whether any of its rows lies in the matrix. `flag` is a word of shared memory that nobody reads
/// after this CTA's next barrier.
template <typename Sum, int Threads, int Fragments, typename Fragment, typename Exists>
__device__ __forceinline__ bool reduce_slices(const KernelArguments& arguments, const CtaWork& work,
                                              std::uint32_t* flag, int thread, Fragment fragment,
                                              Exists exists) {
  constexpr int kSums = kVectorElements<Sum>;
#pragma unroll
  for (int f = 0; f < Fragments; ++f) {
    if (exists(f)) {
      uint4 bits;
      memcpy(&bits, fragment(f), sizeof(bits));
      ptx::st_global_16(partial_of<Threads, Fragments>(arguments, work, work.slice, f, thread),
                        bits);
    }
  }
  __syncthreads();
  if (thread == 0) {
    *flag = ptx::fetch_increment_acq_rel_gpu(arguments.arrivals + work.tile_number);
  }
  __syncthreads();
  if (*flag != static_cast<std::uint32_t>(arguments.slices - 1)) {
    return false;
  }
#pragma unroll
  for (int f = 0; f < Fragments; ++f) {
    if (exists(f)) {
      Sum(&total)[kSums] = fragment(f);
#pragma unroll
      for (int i = 0; i < kSums; ++i) {
        total[i] = Sum{};
      }
    }
  }
  for (int slice = 0; slice < arguments.slices; ++slice) {
#pragma unroll
    for (int f = 0; f < Fragments; ++f) {
      if (exists(f)) {
        const uint4 bits =
            ptx::ld_global_l2_16(partial_of<Threads, Fragments>(arguments, work, slice, f, thread));
        Sum part[kSums];
        memcpy(part, &bits, sizeof(bits));
        Sum(&total)[kSums] = fragment(f);
#pragma unroll
        for (int i = 0; i < kSums; ++i) {
          total[i] += part[i];
        }
      }
    }
  }
  if (thread == 0) {
    arguments.arrivals[work.tile_number] = 0;
  }
  // The epilogue may reuse the memory of `flag`.
  __syncthreads();
  return true;
}

}  // namespace rackproof::kernels::gemm
