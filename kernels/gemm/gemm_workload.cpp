#include "kernels/gemm/gemm_workload.hpp"

#include "kernels/gemm/gemm_buffers.hpp"
#include "kernels/gemm/gemm_verify.hpp"

#include <algorithm>
#include <limits>

namespace rackproof::kernels::gemm {
namespace {

/// What the slices of one launch leave for the CTA that adds them.
struct PartialSums {
  runtime::DeviceBuffer<std::byte> sums;
  runtime::DeviceBuffer<std::uint32_t> arrivals;
};

PartialSums allocate_partials(const GemmProblem& problem, const GemmKernel& kernel,
                              const KSplit& split) {
  if (split.whole()) {
    return {};
  }
  const auto tiles = static_cast<std::size_t>(tiles_of(kernel, problem.shape()));
  const std::size_t tile_bytes = static_cast<std::size_t>(kernel.tile_m) *
                                 static_cast<std::size_t>(kernel.tile_n) *
                                 static_cast<std::size_t>(kernel.accumulator_bytes);
  PartialSums partials{
      .sums = runtime::DeviceBuffer<std::byte>(
          static_cast<std::size_t>(split.partial_tiles(static_cast<std::int64_t>(tiles))) *
          tile_bytes),
      .arrivals =
          runtime::DeviceBuffer<std::uint32_t>(tiles * static_cast<std::size_t>(kernel.arrivals))};
  RACKPROOF_CUDA(
      cudaMemsetAsync(partials.arrivals.data(), 0, partials.arrivals.size_bytes(), nullptr));
  RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
  return partials;
}

class GemmWorkload final : public Workload {
 public:
  GemmWorkload(const GemmProblem& problem, const PrepareOptions& options, const GemmKernel& kernel,
               const KSplit& split, std::string choice)
      : problem_(problem),
        kernel_(kernel),
        split_(split),
        choice_(std::move(choice)),
        multiprocessors_(device_limits().multiprocessors),
        buffers_(problem, options),
        partials_(allocate_partials(problem, kernel, split)) {
    RACKPROOF_CUDA(cudaFuncSetAttribute(
        kernel.function, cudaFuncAttributeMaxDynamicSharedMemorySize, kernel.shared_bytes));
  }

  void launch(cudaStream_t stream) override {
    GemmBuffers::Set& set = buffers_.advance();
    const GemmShape& shape = problem_.shape();
    KernelArguments arguments{.a = set.a.data(),
                              .b = set.b.data(),
                              .c = set.c.data(),
                              .d = set.d.data(),
                              .a_scales = set.a_scales.data(),
                              .b_scales = set.b_scales.data(),
                              .lda = problem_.leading_dimension(),
                              .ldb = problem_.leading_dimension(),
                              .m = static_cast<int>(shape.m),
                              .n = static_cast<int>(shape.n),
                              .k = static_cast<int>(shape.k),
                              .alpha = problem_.scalars().alpha,
                              .beta = problem_.scalars().beta,
                              .slices = split_.slices,
                              .k_tiles_per_slice = split_.k_tiles_per_slice,
                              .partials = partials_.sums.data(),
                              .arrivals = partials_.arrivals.data(),
                              .streams = split_.stream_ctas != 0};
    if (kernel_.launch != nullptr) {
      kernel_.launch(kernel_, problem_, arguments, blocks(), stream);
      return;
    }
    void* parameters[] = {&arguments};
    RACKPROOF_CUDA(cudaLaunchKernel(kernel_.function, dim3(static_cast<unsigned>(blocks())),
                                    dim3(static_cast<unsigned>(kernel_.threads)),
                                    static_cast<void**>(parameters),
                                    static_cast<std::size_t>(kernel_.shared_bytes), stream));
  }

  [[nodiscard]] int buffer_sets() const override { return buffers_.count(); }

  [[nodiscard]] KernelResources resources() const override {
    cudaFuncAttributes attributes{};
    RACKPROOF_CUDA(cudaFuncGetAttributes(&attributes, kernel_.function));
    const std::string suffix = split_.stream_ctas != 0
                                   ? "_streamk" + std::to_string(split_.stream_ctas)
                               : split_.slices > 1 ? "_splitk" + std::to_string(split_.slices)
                                                   : std::string{};
    return {.kernel = std::string(kernel_.name) + suffix,
            .registers_per_thread = attributes.numRegs,
            .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
            .shared_bytes_per_block =
                static_cast<int>(attributes.sharedSizeBytes) + kernel_.shared_bytes,
            .threads_per_block = kernel_.threads,
            .blocks = blocks(),
            .choice = choice_};
  }

  [[nodiscard]] OutputView output() override { return buffers_.output(); }

  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return verify_gemm(problem_, buffers_.data(),
                       {.accumulation = accumulation_of(problem_.type()),
                        .slices = split_.slices,
                        .short_sums = kernel_.short_sums});
  }

 private:
  [[nodiscard]] std::int64_t blocks() const {
    if (split_.stream_ctas != 0) {
      return split_.stream_ctas;
    }
    const std::int64_t tiles = tiles_of(kernel_, problem_.shape());
    if (kernel_.launch != nullptr && !kernel_.grid_of_tiles) {
      return std::min<std::int64_t>(tiles,
                                    multiprocessors_ / kernel_.cluster_m * kernel_.cluster_m);
    }
    return tiles * split_.slices;
  }

  GemmProblem problem_;
  GemmKernel kernel_;
  KSplit split_;
  std::string choice_;
  int multiprocessors_;
  GemmBuffers buffers_;
  PartialSums partials_;
};

}  // namespace

std::span<const GemmKernel> sm80_kernels(ElementType type) {
  switch (type) {
    case ElementType::bf16:
    case ElementType::fp16:
      return sm80_tensor_kernels(type);
    case ElementType::fp32:
      return sm80_simt_kernels();
    case ElementType::tf32:
      return sm80_tf32_kernels();
    case ElementType::fp64:
      return sm80_fp64_kernels();
    case ElementType::int8:
      return sm80_int8_kernels();
    case ElementType::fp8_e4m3:
    case ElementType::fp8_e5m2:
    case ElementType::int32:
    case ElementType::mxfp8:
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      break;
  }
  return {};
}

std::vector<GemmKernel> all_kernels(ElementType type) {
  std::vector<GemmKernel> kernels;
  for (const auto& set : {sm80_kernels(type), sm89_native_kernels(type), sm89_kernels(type)}) {
    kernels.insert(kernels.end(), set.begin(), set.end());
  }
  return kernels;
}

bool is_meant_for(const GemmKernel& kernel, const GemmShape& shape) {
  return kernel.most_rows == 0 || shape.m <= kernel.most_rows;
}

bool fits(const GemmKernel& kernel, const DeviceLimits& limits) {
  return static_cast<std::uint64_t>(kernel.shared_bytes) <= limits.shared_bytes_per_block;
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

TileChoice choose_tile(std::span<const GemmKernel> candidates, const GemmShape& shape,
                       const DeviceLimits& limits) {
  constexpr double kSmallerMustWinBy = 0.8;
  TileChoice best;
  double best_cost = std::numeric_limits<double>::infinity();
  for (const GemmKernel& candidate : candidates) {
    const std::string tile =
        std::to_string(candidate.tile_m) + "x" + std::to_string(candidate.tile_n);
    best.reason += best.reason.empty() ? "" : ", ";
    if (!fits(candidate, limits)) {
      best.reason += tile + " does not fit the shared memory";
      continue;
    }
    if (!is_meant_for(candidate, shape)) {
      best.reason += tile + " is for at most " + std::to_string(candidate.most_rows) + " rows";
      continue;
    }
    const std::int64_t rounds =
        (tiles_of(candidate, shape) + limits.multiprocessors - 1) / limits.multiprocessors;
    const double cost = static_cast<double>(rounds) * candidate.tile_m * candidate.tile_n;
    best.reason += tile + " takes " + std::to_string(rounds) + (rounds == 1 ? " round" : " rounds");
    if (best.kernel == nullptr || cost < kSmallerMustWinBy * best_cost) {
      best.kernel = &candidate;
      best_cost = cost;
    }
  }
  if (best.kernel == nullptr) {
    throw runtime::NotAvailable("no GEMM tile fits the " +
                                std::to_string(limits.shared_bytes_per_block) +
                                " bytes of shared memory that a block may use here");
  }
  best.reason = "fewest results of one SM one after the other on " +
                std::to_string(limits.multiprocessors) +
                " SMs, a smaller tile by a fifth: " + best.reason;
  return best;
}

std::unique_ptr<Workload> make_gemm_workload(const GemmProblem& problem,
                                             const PrepareOptions& options,
                                             const GemmKernel& kernel, const KSplit& split,
                                             std::string choice) {
  return std::make_unique<GemmWorkload>(problem, options, kernel, split, std::move(choice));
}

}  // namespace rackproof::kernels::gemm
