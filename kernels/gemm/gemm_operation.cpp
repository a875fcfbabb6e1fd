#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_cublaslt.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_plan.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::gemm {
namespace {

/// In priority order. Each names the kernels it may choose from, by element type.
struct KernelSet {
  Variant variant;
  std::span<const GemmKernel> (*kernels)(ElementType);
};

std::span<const GemmKernel> sm80_kernels(ElementType type) {
  return type == ElementType::fp32 ? sm80_simt_kernels() : sm80_tensor_kernels(type);
}

constexpr std::array kKernelSets{
    KernelSet{{.name = "sm80", .minimum_cc = {8, 0}, .maximum_cc = {99, 9}}, &sm80_kernels},
};

constexpr auto kVariants = [] {
  std::array<Variant, kKernelSets.size()> variants{};
  for (std::size_t i = 0; i < variants.size(); ++i) {
    variants[i] = kKernelSets[i].variant;
  }
  return variants;
}();

const KernelSet& kernel_set(const Variant& variant) {
  for (const KernelSet& set : kKernelSets) {
    if (set.variant.name == variant.name) {
      return set;
    }
  }
  throw std::invalid_argument("gemm has no variant '" + std::string(variant.name) + "'");
}

/// What the portable kernels compute in one wave: the largest tile that fits, which large problems
/// use.
WaveTile wave_tile(ElementType type, const SizingContext& context) {
  const auto kernels = sm80_kernels(type);
  const auto found = std::find_if(kernels.begin(), kernels.end(), [&](const GemmKernel& kernel) {
    return fits(kernel, {.multiprocessors = context.multiprocessors,
                         .shared_bytes_per_block = context.shared_memory_per_block_bytes});
  });
  const GemmKernel& kernel = found == kernels.end() ? kernels.back() : *found;
  return {.m = kernel.tile_m, .n = kernel.tile_n, .blocks_per_sm = kernel.blocks_per_sm};
}

DeviceLimits device_limits() {
  int device = 0;
  int multiprocessors = 0;
  int shared_bytes = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  RACKPROOF_CUDA(
      cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device));
  return {.multiprocessors = multiprocessors,
          .shared_bytes_per_block = static_cast<std::uint64_t>(shared_bytes)};
}

class GemmOperation final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const override { return "gemm"; }
  [[nodiscard]] std::string_view summary() const override {
    return "dense matrix product D = alpha*A*B + beta*C in bf16, fp16 and fp32";
  }
  [[nodiscard]] std::span<const Variant> variants() const override { return kVariants; }

  [[nodiscard]] std::vector<PlannedProblem> plan(ParamReader& request,
                                                 const SizingContext& context) const override {
    return plan_gemm(request, context, &wave_tile);
  }

  [[nodiscard]] std::optional<NotSupported> unsupported(const Variant& variant,
                                                        const Problem& problem,
                                                        ComputeCapability cc) const override {
    if (cc < variant.minimum_cc || cc > variant.maximum_cc) {
      return NotSupported{"needs compute capability " + to_string(variant.minimum_cc) + " to " +
                          to_string(variant.maximum_cc)};
    }
    const ElementType type = dynamic_cast<const GemmProblem&>(problem).type();
    if (kernel_set(variant).kernels(type).empty()) {
      return NotSupported{"has no kernel for " + std::string(to_string(type))};
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant& variant, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    const auto& gemm = dynamic_cast<const GemmProblem&>(problem);
    return make_gemm_workload(
        gemm, options,
        choose_tile(kernel_set(variant).kernels(gemm.type()), gemm.shape(), device_limits()));
  }

  [[nodiscard]] std::variant<std::unique_ptr<Workload>, NotSupported> baseline(
      const Problem& problem, const PrepareOptions& options) const override {
    return make_cublaslt_workload(dynamic_cast<const GemmProblem&>(problem), options);
  }
  [[nodiscard]] std::string baseline_name() const override { return cublaslt_name(); }
};

}  // namespace

const Operation& gemm_operation() {
  static const GemmOperation operation;
  return operation;
}

}  // namespace rackproof::kernels::gemm
