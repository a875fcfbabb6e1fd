#pragma once
/// Attention backward: dQ, dK and dV of O = softmax(scale * Q K^T + mask) V for a given dO, and O
/// and lse as the forward pass stored them.
///
/// Shapes, layouts and masks are those of the forward pass (attention.hpp). With P the softmax,
/// dP = dO V^T and D = rowsum(dO * O):
///   dV = P^T dO,  dS = P * (dP - D),  dQ = scale dS K,  dK = scale dS^T Q,
/// dK and dV summed over the query heads that share a key/value head (Dao 2023, FlashAttention-2,
/// arXiv 2307.08691, section 3.1.2). Gradients have the type of the inputs, sums are fp32.

#include "kernels/attention/attention.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <string>

namespace rackproof::kernels::attention::backward {

class BackwardProblem final : public Problem {
 public:
  /// `deterministic`: two runs must give the same bits. Throws ParamError naming what is out of
  /// range.
  explicit BackwardProblem(const AttentionShape& shape, bool deterministic = false);

  [[nodiscard]] const AttentionProblem& forward() const noexcept { return forward_; }
  [[nodiscard]] const AttentionShape& shape() const noexcept { return forward_.shape(); }
  [[nodiscard]] bool deterministic() const noexcept { return deterministic_; }

  /// The forward problem's name with "attention_backward", and "/deterministic".
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  /// flops: 2 * head_dim for each of S, dP, dV, dK and dQ, 2.5 times the forward pass, for every
  /// visible (query, key) pair and no other; what a kernel computes twice does not count.
  /// bytes: Q, K, V, O, dO and lse read once; dQ, dK and dV written once.
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override { return ThroughputUnit::tflops; }
  [[nodiscard]] std::string_view peak() const override { return forward_.peak(); }
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

  /// Elements of dQ, dK and dV, in this order.
  [[nodiscard]] std::uint64_t gradient_elements() const;

 private:
  AttentionProblem forward_;
  bool deterministic_;
};

/// "attention_backward".
[[nodiscard]] const Operation& backward_operation();

}  // namespace rackproof::kernels::attention::backward
