#include "kernels/common/random_fill.hpp"
#include "kernels/memory/memory_reference.hpp"
#include "kernels/memory/memory_workload.hpp"
#include "runtime/device_buffer.hpp"

namespace rackproof::kernels::memory {
namespace {

class ChaseWorkload final : public Workload {
 public:
  ChaseWorkload(const MemoryProblem& problem, const PrepareOptions& options,
                const ChaseKernel& kernel)
      : problem_(problem),
        kernel_(kernel),
        order_(random_cycle(problem.array_bytes() / kNodeBytes, derive_seed(options.seed, 0))),
        nodes_(problem.array_bytes()),
        end_(1) {
    const runtime::DeviceBuffer<std::uint32_t> order{std::span<const std::uint32_t>(order_)};
    link_nodes(nodes_.data(), order.data(), order.size(), nullptr);
    constexpr int kNoAddress = 0xFF;  // an end that is not written is found
    RACKPROOF_CUDA(cudaMemsetAsync(end_.data(), kNoAddress, end_.size_bytes(), nullptr));
    if (problem.wants_warm_l2()) {
      chase((order_.size() + kChaseUnroll - 1) / kChaseUnroll * kChaseUnroll, nullptr);
    }
    RACKPROOF_CUDA(cudaStreamSynchronize(nullptr));
  }

  void launch(cudaStream_t stream) override { chase(problem_.shape().accesses, stream); }

  [[nodiscard]] int buffer_sets() const override { return 1; }

  [[nodiscard]] KernelResources resources() const override {
    cudaFuncAttributes attributes{};
    RACKPROOF_CUDA(cudaFuncGetAttributes(&attributes, kernel_.function));
    return {.kernel = std::string(kernel_.name),
            .registers_per_thread = attributes.numRegs,
            .spill_bytes_per_thread = static_cast<int>(attributes.localSizeBytes),
            .shared_bytes_per_block = static_cast<int>(attributes.sharedSizeBytes),
            .threads_per_block = 1,
            .blocks = 1};
  }

  [[nodiscard]] OutputView output() override {
    return {.data = end_.data(), .elements = 1, .element_bytes = sizeof(std::uint64_t)};
  }

  [[nodiscard]] Verification verify(cudaStream_t stream) override {
    RACKPROOF_CUDA(cudaStreamSynchronize(stream));
    return compare_chase_end(address_after(followed_), end_.download().front(), address_of(0));
  }

 private:
  [[nodiscard]] std::uint64_t address_of(std::uint64_t node) const {
    return reinterpret_cast<std::uintptr_t>(nodes_.data()) + node * kNodeBytes;
  }
  /// Where the chase is after that many pointers.
  [[nodiscard]] std::uint64_t address_after(std::uint64_t accesses) const {
    return address_of(order_[accesses % order_.size()]);
  }

  void chase(std::uint64_t accesses, cudaStream_t stream) {
    ChaseArguments arguments{
        .start = address_after(followed_), .end = end_.data(), .accesses = accesses};
    void* parameters[] = {&arguments};
    RACKPROOF_CUDA(cudaLaunchKernel(kernel_.function, dim3(1), dim3(1),
                                    static_cast<void**>(parameters), 0, stream));
    followed_ += accesses;
  }

  MemoryProblem problem_;
  ChaseKernel kernel_;
  std::vector<std::uint32_t> order_;
  runtime::DeviceBuffer<unsigned char> nodes_;
  runtime::DeviceBuffer<std::uint64_t> end_;
  std::uint64_t followed_ = 0;  ///< pointers since the first node of the order
};

}  // namespace

std::unique_ptr<Workload> make_chase_workload(const MemoryProblem& problem,
                                              const PrepareOptions& options,
                                              const ChaseKernel& kernel) {
  return std::make_unique<ChaseWorkload>(problem, options, kernel);
}

}  // namespace rackproof::kernels::memory
