#include "kernels/attention/backward/backward_oracle.hpp"
#include "runtime/error.hpp"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cmath>

namespace rackproof::kernels::attention::backward {
namespace {

constexpr int kThreads = 128;  // at least head_dim: a thread owns a column

/// First elements of one (batch, key/value head); query heads of the group lie q_head_stride apart.
struct GroupArguments {
  const __nv_bfloat16* q;
  const __nv_bfloat16* d_o;
  const __nv_bfloat16* k;
  const __nv_bfloat16* v;
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

__device__ double product(const double* a, const __nv_bfloat16* b, int head_dim) {
  double sum = 0;
  for (int d = 0; d < head_dim; ++d) {
    sum += a[d] * static_cast<double>(__bfloat162float(b[d]));
  }
  return sum;
}

__device__ double value_of(const __nv_bfloat16* array, std::int64_t index) {
  return static_cast<double>(__bfloat162float(array[index]));
}

__global__ void __launch_bounds__(kThreads)
    backward_oracle_rows(const __grid_constant__ GroupArguments g) {
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

  // O and lse.
  double maximum = -HUGE_VAL;
  for (int key = begin + thread; key < end; key += kThreads) {
    maximum = fmax(maximum, g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim));
  }
  maximum = reduce(maximum, scratch, [](double a, double b) { return fmax(a, b); });
  double sum = 0;
  double output = 0;
  for (int first = begin; first < end; first += kThreads) {
    const int key = first + thread;
    const double weight =
        key < end
            ? exp(g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim) - maximum)
            : 0.0;
    sum += weight;
    __syncthreads();
    weights[thread] = weight;
    __syncthreads();
    for (int i = 0; column && i < min(kThreads, end - first); ++i) {
      output += weights[i] * value_of(g.v, (first + i) * g.kv_row_stride + thread);
    }
  }
  sum = total(sum, scratch);
  const double lse = maximum + log(sum);
  output = begin < end ? output / sum : 0.0;
  const double do_o = d_o[thread] * output;
  const double delta = total(do_o, scratch);

  // dQ, and what the errors depend on.
  double p_squares = 0;
  double p_dp_squares = 0;
  for (int key = begin + thread; key < end; key += kThreads) {
    const double p = exp(g.model.scale * product(q, g.k + key * g.kv_row_stride, g.head_dim) - lse);
    const double dp = product(d_o, g.v + key * g.kv_row_stride, g.head_dim);
    p_squares += p * p;
    p_dp_squares += p * dp * p * dp;
  }
  const RowFacts facts{.keys = static_cast<double>(end - begin),
                       .lse = lse,
                       .q_abs_sum = q_abs_sum,
                       .do_abs_sum = do_abs_sum,
                       .p_squares = total(p_squares, scratch),
                       .p_dp_squares = total(p_dp_squares, scratch),
                       .do_o_squares = total(do_o * do_o, scratch),
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
      const double error = dq_weight_error(g.model, errors, weights[i], gradients[i]) * k;
      dq.value += gradients[i] * k;
      dq.squares += error * error;
      p_keys += weights[i] * k;
    }
  }
  dq.common = errors.delta * g.model.sigmas * fabs(p_keys) + errors.relative * fabs(dq.value);
  if (column) {
    g.dq[index * g.head_dim + thread] = dq;
  }
  if (thread == 0) {
    g.rows[index] = {.lse = lse, .delta = delta, .errors = errors};
  }
}

__global__ void __launch_bounds__(kThreads)
    backward_oracle_keys(const __grid_constant__ GroupArguments g) {
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
        const double dk_error = dk_weight_error(g.model, errors, weights[i], gradients[i]) * q;
        const double dv_error = dv_weight_error(g.model, errors, weights[i]) * d_o;
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
  const AttentionProblem& forward = problem_.forward();
  const std::int64_t q_index = forward.q_index(batch, kv_head * arguments_.group, 0);
  const std::int64_t kv_index = forward.kv_index(batch, kv_head, 0);
  const GroupArguments group{
      .q = static_cast<const __nv_bfloat16*>(arguments_.q) + q_index,
      .d_o = static_cast<const __nv_bfloat16*>(arguments_.d_o) + q_index,
      .k = static_cast<const __nv_bfloat16*>(arguments_.k) + kv_index,
      .v = static_cast<const __nv_bfloat16*>(arguments_.v) + kv_index,
      .q_head_stride = arguments_.q_strides.head,
      .q_row_stride = arguments_.q_strides.row,
      .kv_row_stride = arguments_.kv_strides.row,
      .mask = arguments_.mask,
      .head_dim = static_cast<int>(problem_.shape().head_dim),
      .q_len = arguments_.q_len,
      .group = arguments_.group,
      .model = model,
      .rows = rows_.data(),
      .dq = dq_.data(),
      .dk = dk_.data(),
      .dv = dv_.data(),
  };
  backward_oracle_rows<<<static_cast<unsigned>(rows_.size()), kThreads, 0, stream>>>(group);
  RACKPROOF_CUDA(cudaGetLastError());
  backward_oracle_keys<<<static_cast<unsigned>(arguments_.kv_len), kThreads, 0, stream>>>(group);
  RACKPROOF_CUDA(cudaGetLastError());
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));
  return {
      .rows = rows_.download(), .dq = dq_.download(), .dk = dk_.download(), .dv = dv_.download()};
}

}  // namespace rackproof::kernels::attention::backward
