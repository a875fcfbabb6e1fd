#include "kernels/gemm/gemm_workload.hpp"

#include "kernels/gemm/gemm_buffers.hpp"
#include "kernels/gemm/gemm_verify.hpp"

#include <limits>

namespace rackproof::kernels::gemm {
namespace {

std::int64_t tiles_of(const GemmKernel& kernel, const GemmShape& shape) {
  const std::int64_t rows = (shape.m + kernel.tile_m - 1) / kernel.tile_m;
  const std::int64_t columns = (shape.n + kernel.tile_n - 1) / kernel.tile_n;
  return rows * columns;
}

class GemmWorkload final : public Workload {
 public:
  GemmWorkload(const GemmProblem& problem, const PrepareOptions& options, const GemmKernel& kernel)
      : problem_(problem), kernel_(kernel), buffers_(problem, options) {
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
                              .lda = problem_.leading_dimension(),
                              .ldb = problem_.leading_dimension(),
                              .m = static_cast<int>(shape.m),
                              .n = static_cast<int>(shape.n),
                              .k = static_cast<int>(shape.k),
                              .alpha = problem_.scalars().alpha,
                              .beta = problem_.scalars().beta};
    void* parameters[] = {&arguments};
    RACKPROOF_CUDA(cudaLaunchKernel(
        kernel_.function, dim3(static_cast<unsigned>(tiles_of(kernel_, shape))),
        dim3(static_cast<unsigned>(kernel_.threads)), static_cast<void**>(parameters),
        static_cast<std::size_t>(kernel_.shared_bytes), stream));
  }

  [[nodiscard]] int buffer_sets() const override { return buffers_.count(); }

  [[nodiscard]] KernelResources resources() const override {
    cudaFuncAttributes attributes{};
    RACKPROOF_CUDA(cudaFuncGetAttributes(&attributes, kernel_.function));
    return {.kernel = std::string(kernel_.name),
            .registers_per_thread = attributes.numRegs,
            .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
            .shared_bytes_per_block =
                static_cast<int>(attributes.sharedSizeBytes) + kernel_.shared_bytes,
            .threads_per_block = kernel_.threads,
            .blocks = tiles_of(kernel_, problem_.shape())};
  }

  [[nodiscard]] OutputView output() override { return buffers_.output(); }

  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return verify_gemm(problem_, buffers_.data());
  }

 private:
  GemmProblem problem_;
  GemmKernel kernel_;
  GemmBuffers buffers_;
};

}  // namespace

bool fits(const GemmKernel& kernel, const DeviceLimits& limits) {
  return static_cast<std::uint64_t>(kernel.shared_bytes) <= limits.shared_bytes_per_block;
}

const GemmKernel& choose_tile(std::span<const GemmKernel> candidates, const GemmShape& shape,
                              const DeviceLimits& limits) {
  constexpr double kSmallerMustWinBy = 0.8;
  const GemmKernel* best = nullptr;
  double best_cost = std::numeric_limits<double>::infinity();
  for (const GemmKernel& candidate : candidates) {
    if (!fits(candidate, limits)) {
      continue;
    }
    const std::int64_t rounds =
        (tiles_of(candidate, shape) + limits.multiprocessors - 1) / limits.multiprocessors;
    const double cost = static_cast<double>(rounds) * candidate.tile_m * candidate.tile_n;
    if (best == nullptr || cost < kSmallerMustWinBy * best_cost) {
      best = &candidate;
      best_cost = cost;
    }
  }
  if (best == nullptr) {
    throw runtime::NotAvailable("no GEMM tile fits the " +
                                std::to_string(limits.shared_bytes_per_block) +
                                " bytes of shared memory that a block may use here");
  }
  return *best;
}

std::unique_ptr<Workload> make_gemm_workload(const GemmProblem& problem,
                                             const PrepareOptions& options,
                                             const GemmKernel& kernel) {
  return std::make_unique<GemmWorkload>(problem, options, kernel);
}

}  // namespace rackproof::kernels::gemm
