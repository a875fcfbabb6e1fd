#include "kernels/attention/backward/backward_oracle.hpp"
#include "kernels/common/convert.cuh"
#include "runtime/error.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>

namespace rackproof::kernels::attention::backward {
namespace {

constexpr int kThreads = 128;  // at least head_dim: a thread owns a column

/// First elements of one (batch, key/value head); query heads of the group lie q_head_stride apart.
template <typename T>
struct GroupArguments {
  const T* q;
  const T* o;
  const T* d_o;
  const T* k;
  const T* v;
  std::int64_t q_head_stride;
  std::int64_t q_row_stride;
  std::int64_t kv_row_stride;
  SequenceMask mask;
  int head_dim;
  int q_len;
  int group;
  ErrorModel model;
  OracleRow* rows;
  ElementSums* dq;
  ElementSums* dk;
  ElementSums* dv;
};

/// Sum or maximum over the CTA; every thread gets it.
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

__device__ double total(double value, double* scratch) {
  return reduce(value, scratch, [](double a, double b) { return a + b; });
}

template <typename T>
__device__ double product(const double* a, const T* b, int head_dim) {
  double sum = 0;
  for (int d = 0; d < head_dim; ++d) {
    sum += a[d] * static_cast<double>(to_float(b[d]));
  }
  return sum;
}

template <typename T>
__device__ double value_of(const T* array, std::int64_t index) {
  return static_cast<double>(to_float(array[index]));
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    backward_oracle_rows(const __grid_constant__ GroupArguments<T> g) {
  __shared__ double q[kThreads];
  __shared__ double d_o[kThreads];
  __shared__ double weights[kThreads];
  __shared__ double gradients[kThreads];
  __shared__ double scratch[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const auto index = static_cast<std::int64_t>(blockIdx.x);
  const auto row = static_cast<int>(index % g.q_len);
  const std::int64_t offset = index / g.q_len * g.q_head_stride + row * g.q_row_stride;
  const bool column = thread < g.head_dim;
  q[thread] = column ? value_of(g.q, offset + thread) : 0.0;
  d_o[thread] = column ? value_of(g.d_o, offset + thread) : 0.0;
  __syncthreads();
  const int begin = min(g.mask.begin(row), g.mask.end(row));
  const int end = g.mask.end(row);
  const double q_abs_sum = total(fabs(q[thread]), scratch);
  const double do_abs_sum = total(fabs(d_o[thread]), scratch);

  double maximum = -HUGE_VAL;
  for (int key = begin + thread; key < end; key += kThreads) {
    maximum = fmax(maximum, g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim));
  }
  maximum = reduce(maximum, scratch, [](double a, double b) { return fmax(a, b); });
  double sum = 0;
  for (int key = begin + thread; key < end; key += kThreads) {
    sum += exp(g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim) - maximum);
  }
  const double lse = maximum + log(total(sum, scratch));
  const double do_o = column ? d_o[thread] * value_of(g.o, offset + thread) : 0.0;
  const double delta = total(do_o, scratch);

  // dQ, and what the errors depend on.
  const RowFacts facts{.keys = static_cast<double>(end - begin),
                       .lse = lse,
                       .q_abs_sum = q_abs_sum,
                       .do_abs_sum = do_abs_sum,
                       .do_o_abs_sum = total(fabs(do_o), scratch)};
  const RowErrors errors = begin < end ? row_errors(g.model, facts) : RowErrors{};
  ElementSums dq{.terms = facts.keys};
  double p_keys = 0;
  for (int first = begin; first < end; first += kThreads) {
    const int key = first + thread;
    double p = 0;
    double ds = 0;
    if (key < end) {
      p = exp(g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim) - lse);
      ds = p * (product(d_o, g.v + key * g.kv_row_stride, g.head_dim) - delta);
    }
    __syncthreads();
    weights[thread] = p;
    gradients[thread] = ds;
    __syncthreads();
    for (int i = 0; column && i < min(kThreads, end - first); ++i) {
      const double k = value_of(g.k, (first + i) * g.kv_row_stride + thread);
      const double error = ds_weight_error(g.model, errors, weights[i], gradients[i]) * k;
      dq.value += gradients[i] * k;
      dq.squares += error * error;
      p_keys += weights[i] * k;
    }
  }
  dq.common = errors.delta * fabs(p_keys) + errors.relative * fabs(dq.value);
  if (column) {
    g.dq[index * g.head_dim + thread] = dq;
  }
  if (thread == 0) {
    g.rows[index] = {.lse = lse, .delta = delta, .errors = errors};
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    backward_oracle_keys(const __grid_constant__ GroupArguments<T> g) {
  __shared__ double k[kThreads];
  __shared__ double v[kThreads];
  __shared__ double weights[kThreads];
  __shared__ double gradients[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const auto key = static_cast<int>(blockIdx.x);
  const bool column = thread < g.head_dim;
  k[thread] = column ? value_of(g.k, key * g.kv_row_stride + thread) : 0.0;
  v[thread] = column ? value_of(g.v, key * g.kv_row_stride + thread) : 0.0;
  __syncthreads();
  ElementSums dk;
  ElementSums dv;
  for (int head = 0; head < g.group; ++head) {
    for (int first = 0; first < g.q_len; first += kThreads) {
      const int row = first + thread;
      double p = 0;
      double ds = 0;
      if (row < g.q_len && key >= g.mask.begin(row) && key < g.mask.end(row)) {
        const std::int64_t offset = head * g.q_head_stride + row * g.q_row_stride;
        const OracleRow& facts = g.rows[std::int64_t{head} * g.q_len + row];
        p = exp(g.model.scale * product(k, g.q + offset, g.head_dim) - facts.lse);
        ds = p * (product(v, g.d_o + offset, g.head_dim) - facts.delta);
      }
      __syncthreads();
      weights[thread] = p;
      gradients[thread] = ds;
      __syncthreads();
      for (int i = 0; column && i < min(kThreads, g.q_len - first); ++i) {
        if (weights[i] == 0.0) {
          continue;
        }
        const std::int64_t offset = head * g.q_head_stride + (first + i) * g.q_row_stride + thread;
        const RowErrors& errors = g.rows[std::int64_t{head} * g.q_len + first + i].errors;
        const double q = value_of(g.q, offset);
        const double d_o = value_of(g.d_o, offset);
        const double dk_error = ds_weight_error(g.model, errors, weights[i], gradients[i]) * q;
        const double dv_error = p_weight_error(g.model, errors, weights[i]) * d_o;
        dk.value += gradients[i] * q;
        dk.squares += dk_error * dk_error;
        dk.terms += 1;
        dv.value += weights[i] * d_o;
        dv.squares += dv_error * dv_error;
        dv.terms += 1;
      }
    }
  }
  if (column) {
    g.dk[std::int64_t{key} * g.head_dim + thread] = dk;
    g.dv[std::int64_t{key} * g.head_dim + thread] = dv;
  }
}

template <typename T>
void launch_oracle(const BackwardProblem& problem, const BackwardArguments& arguments,
                   std::int64_t batch, std::int64_t kv_head, const ErrorModel& model,
                   OracleRow* rows, ElementSums* dq, ElementSums* dk, ElementSums* dv,
                   cudaStream_t stream) {
  const std::int64_t q_first =
      batch * arguments.q_strides.batch + kv_head * arguments.group * arguments.q_strides.head;
  const std::int64_t kv_first =
      batch * arguments.kv_strides.batch + kv_head * arguments.kv_strides.head;
  const GroupArguments<T> group{
      .q = static_cast<const T*>(arguments.q) + q_first,
      .o = static_cast<const T*>(arguments.o) + q_first,
      .d_o = static_cast<const T*>(arguments.d_o) + q_first,
      .k = static_cast<const T*>(arguments.k) + kv_first,
      .v = static_cast<const T*>(arguments.v) + kv_first,
      .q_head_stride = arguments.q_strides.head,
      .q_row_stride = arguments.q_strides.row,
      .kv_row_stride = arguments.kv_strides.row,
      .mask = arguments.mask,
      .head_dim = static_cast<int>(problem.shape().head_dim),
      .q_len = arguments.q_len,
      .group = arguments.group,
      .model = model,
      .rows = rows,
      .dq = dq,
      .dk = dk,
      .dv = dv,
  };
  const int query_rows = arguments.group * arguments.q_len;
  if (query_rows > 0) {
    backward_oracle_rows<<<static_cast<unsigned>(query_rows), kThreads, 0, stream>>>(group);
    RACKPROOF_CUDA(cudaGetLastError());
  }
  if (arguments.kv_len > 0) {
    backward_oracle_keys<<<static_cast<unsigned>(arguments.kv_len), kThreads, 0, stream>>>(group);
    RACKPROOF_CUDA(cudaGetLastError());
  }
}

}  // namespace

BackwardOracle::BackwardOracle(const BackwardProblem& problem, const BackwardArguments& arguments)
    : problem_(problem), arguments_(arguments) {
  const auto rows = static_cast<std::size_t>(std::int64_t{arguments.group} * arguments.q_len);
  const auto keys = static_cast<std::size_t>(arguments.kv_len);
  const auto head_dim = static_cast<std::size_t>(problem.shape().head_dim);
  rows_ = runtime::DeviceBuffer<OracleRow>(rows);
  dq_ = runtime::DeviceBuffer<ElementSums>(rows * head_dim);
  dk_ = runtime::DeviceBuffer<ElementSums>(keys * head_dim);
  dv_ = runtime::DeviceBuffer<ElementSums>(keys * head_dim);
}

OracleGroup BackwardOracle::group(std::int64_t batch, std::int64_t kv_head, const ErrorModel& model,
                                  cudaStream_t stream) {
  const auto launch = problem_.shape().type == ElementType::bf16 ? &launch_oracle<__nv_bfloat16>
                                                                 : &launch_oracle<__half>;
  launch(problem_, arguments_, batch, kv_head, model, rows_.data(), dq_.data(), dk_.data(),
         dv_.data(), stream);
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  return {
      .rows = rows_.download(), .dq = dq_.download(), .dk = dk_.download(), .dv = dv_.download()};
}

}  // namespace rackproof::kernels::attention::backward
