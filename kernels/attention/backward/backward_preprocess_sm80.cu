/// Statistics of the query rows: D = sum_d dO_d O_d and lse in units of log2.

#include "kernels/attention/backward/backward_arguments.hpp"
#include "kernels/attention/kernel_table.hpp"
#include "kernels/attention/sm80_config.hpp"
#include "kernels/common/convert.cuh"
#include "kernels/common/vector16.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

namespace rackproof::kernels::attention::backward {
namespace {

constexpr int kThreads = 256;

/// A row is read 16 bytes a lane by head_dim / 8 lanes, and added up among them.
template <int kHeadDim, typename T>
__global__ void __launch_bounds__(kThreads)
    attention_backward_preprocess(const __grid_constant__ BackwardArguments arguments) {
  using Vector = Vector16<T>;
  constexpr int kLanesPerRow = kHeadDim * kElementBytes / kVectorBytes;
  constexpr int kRows = kThreads / kLanesPerRow;
  constexpr float kLog2E = 1.44269504088896341F;
  const int chunk = static_cast<int>(threadIdx.x) % kLanesPerRow;
  const std::int64_t index =
      static_cast<std::int64_t>(blockIdx.x) * kRows + static_cast<int>(threadIdx.x) / kLanesPerRow;
  const auto row = static_cast<int>(index % arguments.padded_q_len);
  const auto head_of_batch = static_cast<int>(index / arguments.padded_q_len);
  const int batch = head_of_batch / arguments.q_heads;
  const int head = head_of_batch % arguments.q_heads;
  const bool exists = batch < arguments.batch && row < arguments.q_len;
  float sum = 0.0F;
  if (exists) {
    const std::int64_t offset = (batch * arguments.q_strides.batch +
                                 head * arguments.q_strides.head + row * arguments.q_strides.row) *
                                    kElementBytes +
                                chunk * kVectorBytes;
    const auto o = *reinterpret_cast<const Vector*>(static_cast<const char*>(arguments.o) + offset);
    const auto d_o =
        *reinterpret_cast<const Vector*>(static_cast<const char*>(arguments.d_o) + offset);
#pragma unroll
    for (int i = 0; i < kVectorElements<T>; ++i) {
      sum = fmaf(to_float(o[i]), to_float(d_o[i]), sum);
    }
  }
#pragma unroll
  for (int distance = kLanesPerRow / 2; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xffffffffU, sum, distance);
  }
  if (chunk == 0 && batch < arguments.batch) {
    const float infinity = __builtin_huge_valf();
    float lse_log2 = infinity;
    if (exists) {
      const float lse =
          arguments.lse[static_cast<std::int64_t>(head_of_batch) * arguments.lse_head_stride + row];
      lse_log2 = lse == -infinity ? infinity : lse * kLog2E;
    }
    arguments.statistics[index] = {.lse_log2 = lse_log2, .delta = sum};
  }
}

constexpr KernelTable<void (*)(BackwardArguments)> kKernels{
    .bf16_64 = &attention_backward_preprocess<64, __nv_bfloat16>,
    .bf16_128 = &attention_backward_preprocess<128, __nv_bfloat16>,
    .fp16_64 = &attention_backward_preprocess<64, __half>,
    .fp16_128 = &attention_backward_preprocess<128, __half>,
};

}  // namespace

void launch_preprocess_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream) {
  const std::int64_t rows_per_block = kThreads / (choice.head_dim * kElementBytes / kVectorBytes);
  const std::int64_t rows =
      std::int64_t{arguments.batch} * arguments.q_heads * arguments.padded_q_len;
  const auto kernel = kKernels.of(choice.type, choice.head_dim);
  kernel<<<static_cast<unsigned>((rows + rows_per_block - 1) / rows_per_block), kThreads, 0,
           stream>>>(arguments);
  RACKPROOF_CUDA(cudaGetLastError());
}

}  // namespace rackproof::kernels::attention::backward
