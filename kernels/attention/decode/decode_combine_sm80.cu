/// Merges the partial results of split sequences by their softmax statistics.

#include "kernels/attention/decode/decode_arguments.hpp"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/common/convert.cuh"
#include "kernels/ptx/special.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

#include <type_traits>

namespace rackproof::kernels::attention::decode {
namespace {

constexpr int kWarps = 4;  ///< each merges one query head of one sequence

/// A part of a row that one lane keeps in registers: 16 or 8 bytes of fp32.
template <int kHeadDim>
struct LaneColumns {
  static constexpr int kCount = kHeadDim / kWarpThreads;
  float values[kCount] = {};
};

/// The splits are added in their order, whatever order they finished in.
template <int kHeadDim, typename T>
__global__ void __launch_bounds__(kWarps* kWarpThreads)
    attention_decode_combine(const __grid_constant__ DecodeArguments arguments) {
  constexpr int kColumns = LaneColumns<kHeadDim>::kCount;
  constexpr float kLn2 = 0.693147180559945309F;
  const int lane = static_cast<int>(threadIdx.x) % kWarpThreads;
  const int row =
      static_cast<int>(blockIdx.x) * kWarps + static_cast<int>(threadIdx.x) / kWarpThreads;
  if (row >= arguments.combine_count * arguments.q_heads) {
    return;
  }
  const CombineItem item = arguments.combines[row / arguments.q_heads];
  const int head = row % arguments.q_heads;
  const std::int64_t first =
      static_cast<std::int64_t>(item.first_partial) * arguments.q_heads + head;

  // A sequence that is split has a key in every split: the maximum is finite.
  float maximum = -__builtin_huge_valf();
  for (int split = 0; split < item.splits; ++split) {
    maximum = fmaxf(
        maximum,
        arguments.partial_statistics[first + std::int64_t{split} * arguments.q_heads].maximum);
  }
  float sum = 0.0F;
  LaneColumns<kHeadDim> output;
  for (int split = 0; split < item.splits; ++split) {
    const std::int64_t index = first + std::int64_t{split} * arguments.q_heads;
    const SplitStatistics statistics = arguments.partial_statistics[index];
    const float weight = ptx::ex2(statistics.maximum - maximum);
    using Vector = std::conditional_t<kColumns == 4, float4, float2>;
    static_assert(sizeof(Vector) == sizeof(output.values), "a lane holds one vector of the row");
    LaneColumns<kHeadDim> part;
    *reinterpret_cast<Vector*>(part.values) =
        *reinterpret_cast<const Vector*>(arguments.partial_o + index * kHeadDim + lane * kColumns);
    sum = fmaf(statistics.sum, weight, sum);
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      output.values[c] = fmaf(part.values[c], weight, output.values[c]);
    }
  }
  const float inverse = 1.0F / sum;
  const std::int64_t result = static_cast<std::int64_t>(item.sequence) * arguments.q_heads + head;
  // One store a lane: two of 4 bytes, 8 apart, would each touch all sectors of the row.
  using Words = std::conditional_t<kColumns == 4, uint2, std::uint32_t>;
  static_assert(sizeof(Words) == kColumns * kElementBytes, "a lane stores its columns at once");
  Words words;
#pragma unroll
  for (int c = 0; c < kColumns; c += 2) {
    reinterpret_cast<std::uint32_t*>(&words)[c / 2] =
        pack2<T>(output.values[c] * inverse, output.values[c + 1] * inverse);
  }
  *reinterpret_cast<Words*>(static_cast<char*>(arguments.o) +
                            (result * kHeadDim + lane * kColumns) * kElementBytes) = words;
  if (lane == 0) {
    arguments.lse[result] = (maximum + ptx::lg2(sum)) * kLn2;
  }
}

constexpr KernelTable<void (*)(DecodeArguments)> kKernels{
    .bf16_64 = &attention_decode_combine<64, __nv_bfloat16>,
    .bf16_128 = &attention_decode_combine<128, __nv_bfloat16>,
    .fp16_64 = &attention_decode_combine<64, __half>,
    .fp16_128 = &attention_decode_combine<128, __half>,
};

}  // namespace

void launch_combine_sm80(const DecodeProblem& problem, const DecodeArguments& arguments,
                         cudaStream_t stream) {
  const int rows = arguments.combine_count * arguments.q_heads;
  const auto kernel = kKernels.of(problem.shape().type, problem.shape().head_dim);
  kernel<<<static_cast<unsigned>((rows + kWarps - 1) / kWarps), kWarps * kWarpThreads, 0, stream>>>(
      arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels::attention::decode
