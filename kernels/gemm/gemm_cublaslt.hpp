#pragma once
/// The library's answer to a GEMM problem: cuBLASLt, loaded at run time.

#include "kernels/gemm/gemm.hpp"

#include <memory>
#include <string>
#include <variant>

namespace rackproof::kernels::gemm {

/// A workload that runs cuBLASLt's first heuristic choice (32 MiB of workspace), or why there is
/// none: not a GPU, no library, no algorithm for the problem, or a type it does not multiply.
[[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> make_cublaslt_workload(
    const GemmProblem& problem, const PrepareOptions& options);

/// "cuBLASLt 13.0.2", or empty where it cannot be loaded.
[[nodiscard]] std::string cublaslt_name();

}  // namespace rackproof::kernels::gemm
