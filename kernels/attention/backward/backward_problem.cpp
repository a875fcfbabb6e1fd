#include "kernels/attention/backward/backward.hpp"

namespace rackproof::kernels::attention::backward {

BackwardProblem::BackwardProblem(const AttentionShape& shape, bool deterministic)
    : forward_(shape), deterministic_(deterministic) {}

std::string BackwardProblem::name() const {
  constexpr std::string_view kForward = "attention";
  return "attention_backward" + forward_.name().substr(kForward.size()) +
         (deterministic_ ? "/deterministic" : "");
}

ParamMap BackwardProblem::params() const {
  ParamMap params = forward_.params();
  params["deterministic"] = deterministic_;
  return params;
}

Work BackwardProblem::work() const {
  constexpr double kProductsOfForward = 2;
  constexpr double kProducts = 5;
  const Work forward = forward_.work();
  // The forward pass reads Q, K, V and writes O and lse. Here O and lse are read, and there are dO
  // and dQ (as large as O), dK and dV (as large as K and V).
  const double gradients = static_cast<double>(gradient_elements() + forward_.q_elements()) *
                           element_bytes(shape().type);
  return {.flops = forward.flops * (kProducts / kProductsOfForward),
          .bytes = forward.bytes + gradients};
}

std::uint64_t BackwardProblem::footprint_bytes() const {
  return forward_.set_bytes() +
         (gradient_elements() + forward_.q_elements()) * element_bytes(shape().type);
}

std::uint64_t BackwardProblem::gradient_elements() const {
  return forward_.q_elements() + 2 * forward_.kv_elements();
}

}  // namespace rackproof::kernels::attention::backward
