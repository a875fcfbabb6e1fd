#pragma once
/// What the backward kernels are launched with, and their host launch functions.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/backward/backward.hpp"

#include <cuda_runtime_api.h>

namespace rackproof::kernels::attention::backward {

/// Of one query row, made by the preprocessing kernel from O, dO and lse.
struct alignas(8) RowStatistics {
  float lse_log2 = 0;  ///< lse times log2(e); +infinity for rows that see no key or do not exist
  float delta = 0;     ///< D = sum_d dO_d O_d
};

/// Device pointers and shape. Strides are in elements; every row is 16-byte aligned.
struct BackwardArguments {
  const void* q = nullptr;
  const void* k = nullptr;
  const void* v = nullptr;
  const void* o = nullptr;
  const void* d_o = nullptr;
  const float* lse = nullptr;  ///< [batch][q_head], lse_head_stride apart
  void* dq = nullptr;
  void* dk = nullptr;
  void* dv = nullptr;
  RowStatistics* statistics = nullptr;  ///< [batch][q_head][padded_q_len]
  float* dq_sums = nullptr;             ///< fp32, [batch][q_head][tile][warp][register][lane]
  std::int64_t lse_head_stride = 0;
  Strides q_strides;   ///< of Q, O, dO, dQ
  Strides kv_strides;  ///< of K, V, dK, dV
  SequenceMask mask;
  std::int32_t batch = 1;
  std::int32_t q_heads = 1;
  std::int32_t kv_heads = 1;
  std::int32_t group = 1;  ///< query heads of a key/value head
  std::int32_t q_len = 1;
  std::int32_t kv_len = 1;
  std::int32_t padded_q_len = 0;  ///< q_len rounded up to whole query tiles
  float scale = 1;
};

/// Which instance of the kernels runs.
struct KernelChoice {
  ElementType type = ElementType::bf16;
  std::int64_t head_dim = 0;
};

/// Query rows of one tile of statistics and of dq_sums.
inline constexpr std::int64_t kQueryTile = 64;

// The portable kernels. launch_backward_sm80 enqueues them all: backward_preprocess_sm80.cu, then
// backward_kv_sm80.cu with dQ added up by atomics and converted, or without, followed by
// backward_q_sm80.cu.

void launch_preprocess_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream);
/// dK and dV; with `sum_dq` also dQ, into dq_sums, which must be zero before.
void launch_backward_kv_sm80(const KernelChoice& choice, bool sum_dq,
                             const BackwardArguments& arguments, cudaStream_t stream);
/// dQ alone, in a fixed order.
void launch_backward_q_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream);
/// dQ from dq_sums.
void launch_convert_dq_sm80(const KernelChoice& choice, const BackwardArguments& arguments,
                            cudaStream_t stream);
/// Asks for their shared memory on the current device; launches need it once before.
void enable_backward_kv_sm80(const KernelChoice& choice, bool sum_dq);
void enable_backward_q_sm80(const KernelChoice& choice);
/// Of the kernel for dK and dV.
[[nodiscard]] KernelResources backward_kv_sm80_resources(const KernelChoice& choice, bool sum_dq,
                                                         const BackwardArguments& arguments);

}  // namespace rackproof::kernels::attention::backward
