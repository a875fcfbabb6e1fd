#include "kernels/memory/memory_workload.hpp"

#include "kernels/common/random_fill.hpp"
#include "kernels/memory/memory_reference.hpp"
#include "runtime/device_buffer.hpp"

#include <algorithm>

namespace rackproof::kernels::memory {
namespace {

/// Arrays pass through host memory in pieces of this many values when they are verified.
constexpr std::uint64_t kPieceValues = std::uint64_t{1} << 24;
constexpr std::uint64_t kVectorBytes = 16;

/// One buffer set; an array that the pattern has not is empty.
struct Arrays {
  runtime::DeviceBuffer<unsigned char> a;
  runtime::DeviceBuffer<unsigned char> b;
  runtime::DeviceBuffer<unsigned char> c;
};

template <typename T>
std::vector<T> download(const runtime::DeviceBuffer<unsigned char>& array, std::uint64_t first,
                        std::uint64_t count) {
  std::vector<T> values(array.size() == 0 ? 0 : count);
  RACKPROOF_CUDA(cudaMemcpy(values.data(), array.data() + first * sizeof(T),
                            values.size() * sizeof(T), cudaMemcpyDeviceToHost));
  return values;
}

std::uint64_t blocks_for(const MemoryProblem& problem, const MemoryKernel& kernel) {
  int device = 0;
  int multiprocessors = 0;
  RACKPROOF_CUDA(cudaGetDevice(&device));
  RACKPROOF_CUDA(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device));
  const std::uint64_t vectors = problem.array_bytes() / kVectorBytes;
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
        partials_(writes() ? 0 : blocks_),
        written_seed_(static_cast<std::uint32_t>(derive_seed(options.seed, 2))) {
    const PatternWork& work = pattern_work(problem.pattern());
    const std::size_t bytes = problem.array_bytes();
    const std::uint64_t sets =
        problem.rotates() ? options.rotate_beyond_bytes / problem.footprint_bytes() + 1 : 1;
    for (std::uint64_t i = 0; i < sets; ++i) {
      using Buffer = runtime::DeviceBuffer<unsigned char>;
      Arrays& arrays = sets_.emplace_back(Arrays{.a = Buffer(writes() ? bytes : 0),
                                                 .b = Buffer(work.arrays_read > 0 ? bytes : 0),
                                                 .c = Buffer(work.arrays_read > 1 ? bytes : 0)});
      fill(arrays.b, derive_seed(options.seed, 0));
      fill(arrays.c, derive_seed(options.seed, 1));
      constexpr int kAllOnes = 0xFF;  // NaN: an element that is not written is found
      RACKPROOF_CUDA(cudaMemsetAsync(arrays.a.data(), kAllOnes, arrays.a.size_bytes(), nullptr));
    }
    current_ = sets_.size() - 1;
    if (problem.wants_warm_l2()) {
      launch(nullptr);
    }
    RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
  }

  void launch(cudaStream_t stream) override {
    current_ = (current_ + 1) % sets_.size();
    Arrays& arrays = sets_[current_];
    KernelArguments arguments{.a = arrays.a.data(),
                              .b = arrays.b.data(),
                              .c = arrays.c.data(),
                              .partials = partials_.data(),
                              .vectors = problem_.array_bytes() / kVectorBytes,
                              .rounds = problem_.shape().rounds,
                              .scalar = kScalar,
                              .seed = written_seed_};
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
    if (!writes()) {
      return {.data = partials_.data(), .elements = partials_.size(), .element_bytes = 4};
    }
    const std::uint32_t value_bytes = element_bytes(problem_.shape().type);
    return {.data = sets_[current_].a.data(),
            .elements = problem_.array_bytes() / value_bytes,
            .element_bytes = value_bytes};
  }

  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return !writes()                                    ? verify_read()
           : problem_.shape().type == ElementType::fp64 ? verify_stream<double>()
                                                        : verify_stream<float>();
  }

 private:
  [[nodiscard]] bool writes() const { return pattern_work(problem_.pattern()).arrays_written > 0; }

  void fill(runtime::DeviceBuffer<unsigned char>& array, std::uint64_t seed) const {
    const ElementType type = problem_.shape().type;
    fill_uniform(array.data(), type, array.size() / element_bytes(type), seed, nullptr);
  }

  template <typename T>
  [[nodiscard]] Verification verify_stream() const {
    const Arrays& arrays = sets_[current_];
    const std::uint64_t values = arrays.a.size() / sizeof(T);
    StreamComparison comparison(problem_, written_seed_);
    for (std::uint64_t first = 0; first < values; first += kPieceValues) {
      const std::uint64_t count = std::min(kPieceValues, values - first);
      const std::vector<T> a = download<T>(arrays.a, first, count);
      const std::vector<T> b = download<T>(arrays.b, first, count);
      const std::vector<T> c = download<T>(arrays.c, first, count);
      comparison.compare<T>(first, a, b, c);
    }
    return comparison.finish();
  }

  [[nodiscard]] Verification verify_read() const {
    const runtime::DeviceBuffer<unsigned char>& array = sets_[current_].b;
    const std::uint64_t words = array.size() / sizeof(std::uint32_t);
    ReadComparison comparison(blocks_, static_cast<std::uint64_t>(kernel_.threads));
    for (std::uint64_t first = 0; first < words; first += kPieceValues) {
      const std::uint64_t count = std::min(kPieceValues, words - first);
      comparison.add(first, download<std::uint32_t>(array, first, count));
    }
    return comparison.finish(partials_.download(), problem_.shape().rounds);
  }

  MemoryProblem problem_;
  MemoryKernel kernel_;
  std::uint64_t blocks_;
  runtime::DeviceBuffer<std::uint32_t> partials_;  ///< of the patterns that write no array
  std::uint32_t written_seed_;
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
