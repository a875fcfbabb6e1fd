#pragma once
/// What the TMA unit asks of a problem.

#include "kernels/gemm/gemm.hpp"

#include <optional>
#include <string>

namespace rackproof::kernels::gemm {

/// Why the TMA unit cannot store the results of this problem; empty if it can.
[[nodiscard]] std::optional<std::string> tma_declines(const GemmProblem& problem);

}  // namespace rackproof::kernels::gemm
