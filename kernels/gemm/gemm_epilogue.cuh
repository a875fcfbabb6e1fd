#pragma once
/// From MMA accumulators to results in memory: staged through shared memory into rows, scaled,
/// added to beta*C, rounded once and stored 16 bytes at a time.

#include "kernels/common/convert.cuh"
#include "kernels/gemm/gemm_tile.cuh"
#include "kernels/ptx/memory.cuh"

#include <cstring>

namespace rackproof::kernels::gemm {

/// alpha * sum + beta * c, in fp32. An integer problem has alpha 1 and beta 0 or 1.
__device__ __forceinline__ float scaled(const KernelArguments& arguments, float sum) {
  return arguments.alpha * sum;
}
__device__ __forceinline__ std::int32_t scaled(const KernelArguments&, std::int32_t sum) {
  return sum;
}
template <typename Result>
__device__ __forceinline__ float with_c(const KernelArguments& arguments, float value, Result c) {
  return fmaf(arguments.beta, to_float(c), value);
}
__device__ __forceinline__ std::int32_t with_c(const KernelArguments&, std::int32_t value,
                                               std::int32_t c) {
  return value + c;
}

template <typename Result>
__device__ __forceinline__ Result rounded(float value) {
  return from_float<Result>(value);
}
template <typename Result>
__device__ __forceinline__ Result rounded(std::int32_t value) {
  return value;
}

/// 16 bytes of results.
template <typename T>
__device__ __forceinline__ uint4 pack(const float (&values)[8]) {
  return make_uint4(pack2<T>(values[0], values[1]), pack2<T>(values[2], values[3]),
                    pack2<T>(values[4], values[5]), pack2<T>(values[6], values[7]));
}
template <typename T, typename Sum>
__device__ __forceinline__ uint4 pack(const Sum (&values)[4]) {
  static_assert(sizeof(T) == sizeof(Sum), "results of 4 bytes are the sums themselves");
  uint4 bits;
  memcpy(&bits, values, sizeof(bits));
  return bits;
}

/// Finishes the neighbouring results of one row that fill 16 bytes.
template <typename Result, typename Sum>
__device__ __forceinline__ void store_results(const KernelArguments& arguments, int row, int column,
                                              const Sum (&sums)[kVectorElements<Result>]) {
  constexpr int kCount = kVectorElements<Result>;
  if (row >= arguments.m) {
    return;
  }
  const std::int64_t index = static_cast<std::int64_t>(row) * arguments.n + column;
  const Result* c = static_cast<const Result*>(arguments.c) + index;
  Result* d = static_cast<Result*>(arguments.d) + index;
  const bool add_c = arguments.beta != 0.0F;
  // Dense rows start on 16-byte boundaries only if N is a multiple of 16 bytes.
  if (arguments.n % kCount == 0 && column < arguments.n) {
    Vector16<Result> addend{};
    if (add_c) {
      addend = *reinterpret_cast<const Vector16<Result>*>(c);
    }
    Sum results[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      results[i] = scaled(arguments, sums[i]);
      if (add_c) {
        results[i] = with_c(arguments, results[i], addend[i]);
      }
    }
    ptx::st_global_16(d, pack<Result>(results));
    return;
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (column + i < arguments.n) {
      const Sum value = scaled(arguments, sums[i]);
      d[i] = rounded<Result>(add_c ? with_c(arguments, value, c[i]) : value);
    }
  }
}

/// Byte offset of four columns, 4*quad, in a warp's 16 x 64 staging of 4-byte sums.
/// Free of bank conflicts both ways: a store (8 bytes a lane) meets four rows x two halves of a
/// group of eight columns; a load (16 bytes a lane) meets eight groups' same half, or four groups.
__device__ __forceinline__ std::uint32_t staging_offset(int row, int quad) {
  const int group = quad / 2;
  const int half = quad % 2;
  return static_cast<std::uint32_t>(row * 64 * static_cast<int>(sizeof(float)) +
                                    half * kBankLineBytes +
                                    (group ^ (row % 8) ^ (half * 4)) * kVectorBytes);
}

/// Turns a warp's MMA accumulators into rows through its own staging memory and stores them.
template <typename Result, CtaTile Tile, typename Sum>
__device__ __forceinline__ void epilogue(
    const KernelArguments& arguments, unsigned char* staging, int first_row, int first_column,
    int lane, const Sum (&sums)[Tile.warp_m / TensorMma::kM][Tile.warp_n / TensorMma::kN][4]) {
  constexpr int kGroups = Tile.warp_n / TensorMma::kN;
  constexpr int kCount = kVectorElements<Result>;  // results that one lane stores at once
  constexpr int kLanesPerRow = Tile.warp_n / kCount;
  constexpr int kQuads = kCount / 4;
#pragma unroll
  for (int i = 0; i < Tile.warp_m / TensorMma::kM; ++i) {
    __syncwarp();
#pragma unroll
    for (int group = 0; group < kGroups; ++group) {
      const int row = lane / 4;
      const int quad = group * 2 + lane % 4 / 2;
      const int pair_byte = lane % 2 * 2 * static_cast<int>(sizeof(Sum));
#pragma unroll
      for (int upper = 0; upper < 2; ++upper) {
        float2 pair;
        memcpy(&pair, &sums[i][group][2 * upper], sizeof(pair));
        *reinterpret_cast<float2*>(staging + staging_offset(row + 8 * upper, quad) + pair_byte) =
            pair;
      }
    }
    __syncwarp();
#pragma unroll
    for (int pass = 0; pass < TensorMma::kM * kLanesPerRow / kWarpSize; ++pass) {
      const int row = pass * (kWarpSize / kLanesPerRow) + lane / kLanesPerRow;
      const int vector = lane % kLanesPerRow;
      Sum values[kCount];
#pragma unroll
      for (int quad = 0; quad < kQuads; ++quad) {
        const float4 part =
            *reinterpret_cast<const float4*>(staging + staging_offset(row, vector * kQuads + quad));
        memcpy(&values[4 * quad], &part, sizeof(part));
      }
      store_results<Result>(arguments, first_row + i * TensorMma::kM + row,
                            first_column + vector * kCount, values);
    }
  }
}

}  // namespace rackproof::kernels::gemm
