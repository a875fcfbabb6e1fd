#include "kernels/memory/memory_workload.hpp"

#include "kernels/common/random_fill.hpp"
#include "kernels/memory/memory_reference.hpp"
#include "runtime/device_buffer.hpp"

#include <algorithm>

namespace rackproof::kernels::memory {
namespace {

/// Arrays pass through host memory in pieces of this many values when they are verified.
constexpr std::uint64_t kPieceValues = std::uint64_t{1} << 24;

struct Arrays {
  runtime::DeviceBuffer<float> a;  ///< written; empty for the read pattern
  runtime::DeviceBuffer<float> b;
  runtime::DeviceBuffer<float> c;  ///< triad only
};

template <typename T>
std::vector<T> download(const runtime::DeviceBuffer<float>& array, std::uint64_t first,
                        std::uint64_t count) {
  static_assert(sizeof(T) == sizeof(float));
  std::vector<T> values(array.size() == 0 ? 0 : count);
  RACKPROOF_CUDA(cudaMemcpy(values.data(), array.data() + first, values.size() * sizeof(T),
                            cudaMemcpyDeviceToHost));
  return values;
}

std::uint64_t blocks_for(const MemoryProblem& problem, const MemoryKernel& kernel) {
  int device = 0;
  int multiprocessors = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  const std::uint64_t vectors = problem.array_bytes() / 16;
  const auto threads = static_cast<std::uint64_t>(kernel.threads);
  return std::min(static_cast<std::uint64_t>(multiprocessors * kernel.blocks_per_sm),
                  (vectors + threads - 1) / threads);
}

class MemoryWorkload final : public Workload {
 public:
  MemoryWorkload(const MemoryProblem& problem, const PrepareOptions& options,
                 const MemoryKernel& kernel)
      : problem_(problem),
        kernel_(kernel),
        blocks_(blocks_for(problem, kernel)),
        partials_(problem.pattern() == Pattern::read ? blocks_ : 0) {
    const std::size_t values = problem.array_bytes() / sizeof(float);
    const std::uint64_t sets = options.rotate_beyond_bytes / problem.footprint_bytes() + 1;
    for (std::uint64_t i = 0; i < sets; ++i) {
      Arrays& arrays = sets_.emplace_back(Arrays{
          .a = runtime::DeviceBuffer<float>(problem.pattern() == Pattern::read ? 0 : values),
          .b = runtime::DeviceBuffer<float>(values),
          .c = runtime::DeviceBuffer<float>(problem.pattern() == Pattern::triad ? values : 0)});
      fill_uniform(arrays.b.data(), ElementType::fp32, arrays.b.size(),
                   derive_seed(options.seed, 0), nullptr);
      fill_uniform(arrays.c.data(), ElementType::fp32, arrays.c.size(),
                   derive_seed(options.seed, 1), nullptr);
      constexpr int kAllOnes = 0xFF;  // NaN: an element that is not written is found
      RACKPROOF_CUDA(cudaMemsetAsync(arrays.a.data(), kAllOnes, arrays.a.size_bytes(), nullptr));
    }
    RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
    current_ = sets_.size() - 1;
  }

  void launch(cudaStream_t stream) override {
    current_ = (current_ + 1) % sets_.size();
    Arrays& arrays = sets_[current_];
    KernelArguments arguments{.a = arrays.a.data(),
                              .b = arrays.b.data(),
                              .c = arrays.c.data(),
                              .partials = partials_.data(),
                              .vectors = problem_.array_bytes() / 16,
                              .scalar = kTriadScalar};
    void* parameters[] = {&arguments};
    RACKPROOF_CUDA(cudaLaunchKernel(kernel_.function, dim3(static_cast<unsigned>(blocks_)),
                                    dim3(static_cast<unsigned>(kernel_.threads)),
                                    static_cast<void**>(parameters), 0, stream));
  }

  [[nodiscard]] int buffer_sets() const override { return static_cast<int>(sets_.size()); }

  [[nodiscard]] KernelResources resources() const override {
    cudaFuncAttributes attributes{};
    RACKPROOF_CUDA(cudaFuncGetAttributes(&attributes, kernel_.function));
    return {.kernel = std::string(kernel_.name),
            .registers_per_thread = attributes.numRegs,
            .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
            .shared_bytes_per_block = static_cast<int>(attributes.sharedSizeBytes),
            .threads_per_block = kernel_.threads,
            .blocks = static_cast<std::int64_t>(blocks_)};
  }

  [[nodiscard]] OutputView output() override {
    if (problem_.pattern() == Pattern::read) {
      return {.data = partials_.data(), .elements = partials_.size(), .element_bytes = 4};
    }
    const Arrays& arrays = sets_[current_];
    return {.data = sets_[current_].a.data(), .elements = arrays.a.size(), .element_bytes = 4};
  }

  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return problem_.pattern() == Pattern::read ? verify_read() : verify_stream();
  }

 private:
  [[nodiscard]] Verification verify_stream() const {
    const Arrays& arrays = sets_[current_];
    StreamComparison comparison(problem_);
    for (std::uint64_t first = 0; first < arrays.a.size(); first += kPieceValues) {
      const std::uint64_t count = std::min(kPieceValues, arrays.a.size() - first);
      comparison.compare(first, download<float>(arrays.a, first, count),
                         download<float>(arrays.b, first, count),
                         download<float>(arrays.c, first, count));
    }
    return comparison.finish();
  }

  [[nodiscard]] Verification verify_read() const {
    const runtime::DeviceBuffer<float>& array = sets_[current_].b;
    ReadComparison comparison(blocks_, static_cast<std::uint64_t>(kernel_.threads));
    for (std::uint64_t first = 0; first < array.size(); first += kPieceValues) {
      const std::uint64_t count = std::min(kPieceValues, array.size() - first);
      comparison.add(first, download<std::uint32_t>(array, first, count));
    }
    return comparison.finish(partials_.download());
  }

  MemoryProblem problem_;
  MemoryKernel kernel_;
  std::uint64_t blocks_;
  runtime::DeviceBuffer<std::uint32_t> partials_;
  std::vector<Arrays> sets_;
  std::size_t current_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_memory_workload(const MemoryProblem& problem,
                                               const PrepareOptions& options,
                                               const MemoryKernel& kernel) {
  return std::make_unique<MemoryWorkload>(problem, options, kernel);
}

}  // namespace rackproof::kernels::memory
