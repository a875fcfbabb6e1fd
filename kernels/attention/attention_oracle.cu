#include "kernels/attention/attention_oracle.hpp"
#include "kernels/common/convert.cuh"
#include "kernels/common/vector16.cuh"
#include "runtime/error.hpp"

#include <cuda_runtime.h>

#include <cmath>

namespace rackproof::kernels::attention {
namespace {

constexpr int kThreads = 128;
constexpr int kMaxHeadDim = 128;

struct OracleArguments {
  const void* q;  ///< first row of the call
  const void* k;  ///< of the head
  const void* v;
  std::int64_t q_row_stride;
  std::int64_t kv_row_stride;
  int head_dim;
  int first_row;
  SequenceMask mask;
  double scale;
  double* output;
  double* squares;
  double* statistics;
};

/// Sum or maximum over the CTA; every thread gets it. `scratch` holds kThreads doubles.
template <typename Combine>
__device__ double reduce(double value, double* scratch, Combine combine) {
  __syncthreads();
  scratch[threadIdx.x] = value;
  for (int width = kThreads / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) {
      scratch[threadIdx.x] = combine(scratch[threadIdx.x], scratch[threadIdx.x + width]);
    }
  }
  __syncthreads();
  return scratch[0];
}

template <typename T>
__device__ double score(const double* query, const T* key, int head_dim, double scale) {
  double sum = 0;
  for (int d = 0; d < head_dim; d += kVectorElements<T>) {
    const auto chunk = *reinterpret_cast<const Vector16<T>*>(key + d);
    for (int i = 0; i < kVectorElements<T>; ++i) {
      sum += query[d + i] * static_cast<double>(to_float(chunk[i]));
    }
  }
  return scale * sum;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    attention_oracle(const __grid_constant__ OracleArguments arguments) {
  __shared__ double query[kMaxHeadDim];
  __shared__ double weights[kThreads];
  __shared__ double scratch[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const int head_dim = arguments.head_dim;
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const int query_row = arguments.first_row + static_cast<int>(row);
  const int first_visible = min(arguments.mask.begin(query_row), arguments.mask.end(query_row));
  const int visible = arguments.mask.end(query_row) - first_visible;
  const T* q = static_cast<const T*>(arguments.q) + row * arguments.q_row_stride;
  const T* k = static_cast<const T*>(arguments.k) + first_visible * arguments.kv_row_stride;
  const T* v = static_cast<const T*>(arguments.v) + first_visible * arguments.kv_row_stride;
  if (thread < head_dim) {
    query[thread] = static_cast<double>(to_float(q[thread]));
  }
  __syncthreads();

  double maximum = -HUGE_VAL;
  for (int key = thread; key < visible; key += kThreads) {
    maximum =
        fmax(maximum, score(query, k + key * arguments.kv_row_stride, head_dim, arguments.scale));
  }
  maximum = reduce(maximum, scratch, [](double a, double b) { return fmax(a, b); });

  double sum = 0;
  double weighted = 0;
  double squares = 0;
  for (int first = 0; first < visible; first += kThreads) {
    const int key = first + thread;
    const double weight =
        key < visible
            ? exp(score(query, k + key * arguments.kv_row_stride, head_dim, arguments.scale) -
                  maximum)
            : 0.0;
    sum += weight;
    __syncthreads();
    weights[thread] = weight;
    __syncthreads();
    if (thread < head_dim) {
      const int keys = min(kThreads, visible - first);
      for (int i = 0; i < keys; ++i) {
        const double term =
            weights[i] *
            static_cast<double>(to_float(v[(first + i) * arguments.kv_row_stride + thread]));
        weighted += term;
        squares += term * term;
      }
    }
  }
  sum = reduce(sum, scratch, [](double a, double b) { return a + b; });
  const double inverse = visible == 0 ? 0.0 : 1.0 / sum;
  if (thread < head_dim) {
    arguments.output[row * head_dim + thread] = weighted * inverse;
    arguments.squares[row * head_dim + thread] = squares * inverse * inverse;
  }
  if (thread == 0) {
    arguments.statistics[row * 2] = maximum;
    arguments.statistics[row * 2 + 1] = sum;
  }
}

}  // namespace

DeviceOracle::DeviceOracle(const AttentionProblem& problem, const AttentionArguments& arguments)
    : problem_(problem),
      arguments_(arguments),
      output_(static_cast<std::size_t>(kMaxRows * problem.shape().head_dim)),
      squares_(static_cast<std::size_t>(kMaxRows * problem.shape().head_dim)),
      statistics_(static_cast<std::size_t>(kMaxRows * 2)) {}

std::vector<ReferenceRow> DeviceOracle::rows(std::int64_t batch, std::int64_t q_head,
                                             std::int64_t first_row, std::int64_t count,
                                             cudaStream_t stream) {
  const AttentionShape& shape = problem_.shape();
  const std::int64_t bytes = element_bytes(shape.type);
  const std::int64_t kv_head = q_head / arguments_.q_heads_per_kv_head;
  const std::int64_t q_offset = problem_.q_index(batch, q_head, first_row) * bytes;
  const std::int64_t kv_offset = problem_.kv_index(batch, kv_head, 0) * bytes;
  const SequenceLengths lengths = problem_.lengths(batch);
  const OracleArguments arguments{
      .q = static_cast<const char*>(arguments_.q) + q_offset,
      .k = static_cast<const char*>(arguments_.k) + kv_offset,
      .v = static_cast<const char*>(arguments_.v) + kv_offset,
      .q_row_stride = arguments_.q_strides.row,
      .kv_row_stride = arguments_.kv_strides.row,
      .head_dim = static_cast<int>(shape.head_dim),
      .first_row = static_cast<int>(first_row),
      .mask = arguments_.mask(static_cast<std::int32_t>(lengths.q),
                              static_cast<std::int32_t>(lengths.kv)),
      .scale = problem_.scale(),
      .output = output_.data(),
      .squares = squares_.data(),
      .statistics = statistics_.data(),
  };
  const auto blocks = static_cast<unsigned>(count);
  if (shape.type == ElementType::bf16) {
    attention_oracle<__nv_bfloat16><<<blocks, kThreads, 0, stream>>>(arguments);
  } else {
    attention_oracle<__half><<<blocks, kThreads, 0, stream>>>(arguments);
  }
  RACKPROOF_CUDA(cudaGetLastError());
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));

  const std::vector<double> output = output_.download();
  const std::vector<double> squares = squares_.download();
  const std::vector<double> statistics = statistics_.download();
  std::vector<ReferenceRow> rows;
  rows.reserve(static_cast<std::size_t>(count));
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t begin = row * shape.head_dim;
    const std::int64_t end = begin + shape.head_dim;
    const double maximum = statistics[static_cast<std::size_t>(row * 2)];
    const double sum = statistics[static_cast<std::size_t>(row * 2 + 1)];
    rows.push_back({.output = {output.begin() + begin, output.begin() + end},
                    .squares = {squares.begin() + begin, squares.begin() + end},
                    .lse = maximum + std::log(sum),  // -infinity + -infinity if no key is visible
                    .maximum = maximum});
  }
  return rows;
}

}  // namespace rackproof::kernels::attention
