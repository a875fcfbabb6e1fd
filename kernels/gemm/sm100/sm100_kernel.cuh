#pragma once
/// The kernel for sm_100 and sm_103: a role a warp, a CTA an SM, alone, in pairs, or in two pairs
/// that share B. README.md has the roles and budgets.

#include "kernels/gemm/sm100/sm100_arguments.hpp"
#include "kernels/gemm/sm100/sm100_epilogue.cuh"
#include "kernels/gemm/sm100/sm100_roles.cuh"
#include "kernels/gemm/sm100/sm100_swapped_epilogue.cuh"
#include "kernels/gemm/sm100/sm100_wide_roles.cuh"
#include "kernels/ptx/address.cuh"
#include "kernels/ptx/warp.cuh"

#include <type_traits>

namespace rackproof::kernels::gemm::sm100 {

/// Called by a whole warp; the address is read after the cluster has met.
template <Sm100Tile Tile>
__device__ __forceinline__ void allocate_tensor_memory(const SharedLayout<Tile>& shared) {
  ptx::tmem_allocate<Tile.ctas>(shared.tensor_address(), Tile.tensor_columns());
  ptx::tmem_relinquish<Tile.ctas>();
  ptx::tcgen05_before_sync();
}

/// One epilogue warp: every piece of work, as soon as it is accumulated.
template <typename Result, Sm100Tile Tile>
__device__ __forceinline__ void store_results(const Sm100Arguments& arguments,
                                              const SharedLayout<Tile>& shared,
                                              const TensorLayout<Tile>& tensor,
                                              const ClusterPlace<Tile>& cta, int warp) {
  std::conditional_t<Tile.swapped, SwappedEpilogue<Tile, Result>, Epilogue<Tile, Result>> epilogue(
      arguments, shared, tensor, cta, warp);
  std::uint32_t count = 0;
  for (WorkWalk<Tile, kWarpSize> walk(arguments, shared); !walk.ended(); walk.advance()) {
    const Work work = walk.current();
    const std::uint32_t accumulator = count % kAccumulators;
    ptx::mbarrier_wait(shared.accumulated(accumulator), count / kAccumulators & 1U);
    ptx::tcgen05_after_sync();
    epilogue.store(accumulator, work,
                   work.tile.m * Tile.cluster_rows() + static_cast<int>(cta.rank) * kCtaRows +
                       warp * kWarpSize,
                   work.tile.n * columns_of<Tile>(arguments));
    ++count;
  }
  epilogue.finish();
}

template <typename Result, typename Config>
__global__ void __launch_bounds__(kThreads, 1)
    gemm_sm100_kernel(const __grid_constant__ Sm100Arguments arguments) {
  constexpr Sm100Tile kTile = Config::kTile;
  static_assert(sizeof(Result) == kTile.result_bytes);
  extern __shared__ __align__(1024) unsigned char memory[];
  const SharedLayout<kTile> shared{ptx::shared_address(memory)};
  const int warp = static_cast<int>(threadIdx.x) / kWarpSize;
  const ClusterPlace<kTile> cta{kTile.ctas == 1 ? 0 : ptx::cluster_cta_rank()};
  if (threadIdx.x == 0) {
    shared.init_barriers();
  }
  if (warp == kAllocatorWarp) {
    allocate_tensor_memory(shared);
  }
  ptx::cluster_sync();  // nobody signals a barrier that does not exist yet
  ptx::tcgen05_after_sync();
  const TensorLayout<kTile> tensor{ptx::ld_shared_4(shared.tensor_address())};

  if (warp >= kFirstEpilogueWarp) {
    store_results<Result>(arguments, shared, tensor, cta, warp - kFirstEpilogueWarp);
  } else if (warp == kLoaderWarp) {
    if (ptx::elect_one()) {
      if constexpr (kTile.wide()) {
        load_wide(arguments, shared, cta);
      } else {
        load(arguments, shared, cta);
      }
    }
  } else if (warp == kMultiplierWarp && cta.leads()) {
    if (ptx::elect_one()) {
      if constexpr (kTile.wide()) {
        multiply_wide(arguments, shared, tensor, cta);
      } else {
        multiply(arguments, shared, tensor, cta);
      }
    }
  } else if (warp == kSchedulerWarp && cta.rank == 0 && arguments.steals) {
    if (ptx::elect_one()) {
      schedule(shared);
    }
  }
  __syncwarp();

  ptx::tcgen05_before_sync();
  ptx::cluster_sync();  // nobody signals a CTA that has ended; all tensor memory has been read
  if (warp == kAllocatorWarp) {
    ptx::tcgen05_after_sync();
    ptx::tmem_free<kTile.ctas>(tensor.base, kTile.tensor_columns());
  }
}

}  // namespace rackproof::kernels::gemm::sm100
