#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_cublaslt.hpp"
#include "kernels/gemm/gemm_kernel.hpp"
#include "kernels/gemm/gemm_plan.hpp"
#include "kernels/gemm/gemm_split.hpp"
#include "kernels/gemm/gemm_tma.hpp"
#include "kernels/gemm/gemm_workload.hpp"
#include "kernels/gemm/sm100/sm100_choice.hpp"
#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "kernels/gemm/sm90/sm90_kernels.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::gemm {
namespace {

/// In priority order. Each names the kernels it may choose from, by element type.
struct KernelSet {
  Variant variant;
  std::span<const GemmKernel> (*kernels)(ElementType);
  bool split_k = false;  ///< cuts K into as many slices as choose_split() says
  /// Why its kernels cannot run a problem of their types; nullptr: they can.
  std::optional<std::string> (*declines)(const GemmProblem&) = nullptr;
  /// Its kernel is chosen by the model of sm100_choice.hpp.
  std::optional<sm100::Family> family = std::nullopt;
};

constexpr ComputeCapability kNewest{99, 9};
constexpr ComputeCapability kHopper{9, 0};
constexpr ComputeCapability kBlackwell{10, 0};
constexpr ComputeCapability kBlackwellUltra{10, 3};
// On datacentre Blackwell one set has tiles for all shapes, but for 4 bits on 10.3; those after it
// are there to be forced. Else split-K first: few rows and a deep K are limited by reading B, and
// many CTAs beat wide instructions. Then the widest matrix unit of the device.
constexpr std::array kKernelSets{
    // 96 of K an instruction, in the time that 64 take.
    KernelSet{{"sm103", kBlackwellUltra, kBlackwellUltra},
              &sm100::wide_kernels,
              false,
              &tma_declines,
              sm100::Family::wide},
    KernelSet{{"sm103_static", kBlackwellUltra, kBlackwellUltra},
              &sm100::static_wide_kernels,
              false,
              &tma_declines,
              sm100::Family::wide_fixed},
    KernelSet{{"sm103_multicast", kBlackwellUltra, kBlackwellUltra},
              &sm100::wide_multicast_kernels,
              false,
              &tma_declines,
              sm100::Family::wide_multicast},
    KernelSet{{"sm100", kBlackwell, kBlackwellUltra},
              &sm100::kernels,
              false,
              &tma_declines,
              sm100::Family::any},
    // The fallback where clusterlaunchcontrol or multicasts disappoint.
    KernelSet{{"sm100_static", kBlackwell, kBlackwellUltra},
              &sm100::static_kernels,
              false,
              &tma_declines,
              sm100::Family::fixed},
    KernelSet{{"sm100_multicast", kBlackwell, kBlackwellUltra},
              &sm100::multicast_kernels,
              false,
              &tma_declines,
              sm100::Family::multicast},
    KernelSet{{"sm100_swapped", kBlackwell, kBlackwellUltra},
              &sm100::swapped_kernels,
              false,
              &tma_declines,
              sm100::Family::swapped},
    KernelSet{{"sm100_splitk", kBlackwell, kBlackwellUltra},
              &sm100::kernels,
              false,
              &tma_declines,
              sm100::Family::slices},
    KernelSet{{"sm100_streamk", kBlackwell, kBlackwellUltra},
              &sm100::kernels,
              false,
              &tma_declines,
              sm100::Family::streamed},
    KernelSet{{"sm89_native_splitk", {8, 9}, {8, 9}}, &sm89_native_kernels, true},
    KernelSet{{"sm89_native", {8, 9}, {8, 9}}, &sm89_native_kernels},
    KernelSet{{"sm120_native_splitk", {12, 0}, {12, 9}}, &sm89_native_kernels, true},
    KernelSet{{"sm120_native", {12, 0}, {12, 9}}, &sm89_native_kernels},
    KernelSet{{"sm89_splitk", {8, 9}, kNewest}, &sm89_kernels, true},
    KernelSet{{"sm80_splitk", {8, 0}, kNewest}, &sm80_kernels, true},
    KernelSet{{"sm90", kHopper, kHopper}, &sm90::kernels, false, &tma_declines},
    KernelSet{{"sm90_fp8_fast", kHopper, kHopper}, &sm90::fast_fp8_kernels, false, &tma_declines},
    KernelSet{{"sm89", {8, 9}, kNewest}, &sm89_kernels},
    KernelSet{{"sm80", {8, 0}, kNewest}, &sm80_kernels},
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

/// Of the set's kernels that take slices of K and are meant for the problem, the smallest, which
/// makes the most tiles. nullptr: none takes slices.
const GemmKernel* split_kernel(const KernelSet& set, const GemmProblem& problem) {
  const GemmKernel* smallest = nullptr;
  for (const GemmKernel& kernel : set.kernels(problem.type())) {
    if (kernel.accumulator_bytes != 0 && is_meant_for(kernel, problem.shape())) {
      smallest = &kernel;
    }
  }
  return smallest;
}

/// The kernels that large problems of a type run on.
std::span<const GemmKernel> kernels_on(ElementType type, ComputeCapability cc) {
  for (const KernelSet& set : kKernelSets) {
    if (!set.split_k && cc >= set.variant.minimum_cc && cc <= set.variant.maximum_cc &&
        !set.kernels(type).empty()) {
      return set.kernels(type);
    }
  }
  // No variant runs on the device, and says so: the plan needs a size all the same.
  for (const KernelSet& set : kKernelSets) {
    if (!set.split_k && !set.kernels(type).empty()) {
      return set.kernels(type);
    }
  }
  throw ParamError("type", "no GEMM multiplies " + std::string(to_string(type)));
}

/// What our kernels compute in one wave: the largest tile that fits, which large problems use.
WaveTile wave_tile(ElementType type, const SizingContext& context) {
  const auto kernels = kernels_on(type, context.cc);
  const auto found = std::find_if(kernels.begin(), kernels.end(), [&](const GemmKernel& kernel) {
    return fits(kernel, {.multiprocessors = context.multiprocessors,
                         .shared_bytes_per_block = context.shared_memory_per_block_bytes});
  });
  const GemmKernel& kernel = found == kernels.end() ? kernels.back() : *found;
  return {.m = kernel.tile_m * kernel.cluster_m,
          .n = kernel.tile_n,
          .blocks_per_sm = kernel.blocks_per_sm,
          .sms = kernel.cluster_m};
}

class GemmOperation final : public Operation {
 public:
  [[nodiscard]] std::string_view name() const override { return "gemm"; }
  [[nodiscard]] std::string_view summary() const override {
    return "dense matrix product D = alpha*A*B + beta*C; bf16, fp16, fp32, tf32, fp64, fp8, int8, "
           "mxfp8, mxfp4, nvfp4";
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
    const auto& gemm = dynamic_cast<const GemmProblem&>(problem);
    const KernelSet& set = kernel_set(variant);
    const auto kernels = set.kernels(gemm.type());
    if (kernels.empty()) {
      return NotSupported{"has no kernel for " + std::string(to_string(gemm.type()))};
    }
    if (set.declines != nullptr) {
      if (std::optional<std::string> reason = set.declines(gemm)) {
        return NotSupported{*std::move(reason)};
      }
    }
    if (set.family) {
      if (std::optional<std::string> reason = sm100::family_declines(*set.family, gemm)) {
        return NotSupported{*std::move(reason)};
      }
    }
    if (set.split_k) {
      const GemmKernel* kernel = split_kernel(set, gemm);
      if (kernel == nullptr) {
        return NotSupported{"has no split-K kernel for " + std::string(to_string(gemm.type()))};
      }
      if (std::optional<std::string> reason = split_k_declines(*kernel, gemm.shape())) {
        return NotSupported{*std::move(reason)};
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::unique_ptr<Workload> prepare(const Variant& variant, const Problem& problem,
                                                  const PrepareOptions& options) const override {
    const auto& gemm = dynamic_cast<const GemmProblem&>(problem);
    const KernelSet& set = kernel_set(variant);
    const DeviceLimits limits = device_limits();
    if (set.split_k) {
      const GemmKernel& kernel = *split_kernel(set, gemm);
      const KSplit split = choose_split(kernel, gemm.shape(), gemm.type(), limits.multiprocessors);
      return make_gemm_workload(
          gemm, options, *choose_tile(std::span(&kernel, 1), gemm.shape(), limits).kernel, split,
          "smallest tile, whose slices of K fill " + std::to_string(limits.multiprocessors) +
              " SMs best: " + std::to_string(split.slices) + " of " +
              std::to_string(split.k_tiles_per_slice) + " K-tiles");
    }
    TileChoice choice = set.family ? sm100::choose_kernel(*set.family, gemm, limits)
                                   : choose_tile(set.kernels(gemm.type()), gemm.shape(), limits);
    return make_gemm_workload(gemm, options, *choice.kernel, choice.split,
                              std::move(choice.reason));
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
