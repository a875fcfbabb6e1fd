#include "collectives/workload.hpp"

#include "collectives/exact_encoding.hpp"
#include "collectives/exact_inputs.hpp"
#include "collectives/exact_kernels.hpp"
#include "runtime/stream.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace rackproof::collectives {
namespace {

/// cudaMalloc's own alignment guarantee; keeps every set as aligned as the first.
constexpr std::size_t kSetAlignment_bytes = 256;
/// No reduction of exact inputs has these bits in any type: as int32 below -2^30, as a float tiny.
constexpr int kPoisonByte = 0xa5;
/// NCCL connects on the first launch of a communicator; then launches return at once.
constexpr double kLaunchTimeout_s = 60;

struct Layout {
  std::size_t count = 0;
  std::size_t send_stride_bytes = 0;
  std::size_t receive_stride_bytes = 0;  ///< 0 in place
  std::uint64_t sets = 1;

  [[nodiscard]] std::size_t set_bytes() const { return send_stride_bytes + receive_stride_bytes; }
};

std::size_t aligned(std::size_t bytes) {
  return (bytes + kSetAlignment_bytes - 1) / kSetAlignment_bytes * kSetAlignment_bytes;
}

Layout layout(const Collective& collective, int ranks, const WorkloadConfig& config) {
  const std::size_t element_bytes = size_bytes(config.type);
  Layout result;
  result.count = collective.count(config.bytes, config.type, ranks);
  const std::size_t send = collective.send_elements(result.count, ranks) * element_bytes;
  const std::size_t receive = collective.receive_elements(result.count, ranks) * element_bytes;
  if (config.placement == Placement::in_place) {
    result.send_stride_bytes = aligned(std::max(send, receive));
  } else {
    result.send_stride_bytes = aligned(send);
    result.receive_stride_bytes = aligned(receive);
  }
  if (result.count != 0 && config.rotate_beyond_bytes != 0) {
    result.sets = config.rotate_beyond_bytes / result.set_bytes() + 1;
  }
  return result;
}

}  // namespace

std::uint64_t CollectiveWorkload::footprint_bytes(const Collective& collective, int ranks,
                                                  const WorkloadConfig& config) {
  const Layout plan = layout(collective, ranks, config);
  return plan.sets * plan.set_bytes() + sizeof(exact::Mismatches);
}

CollectiveWorkload::CollectiveWorkload(const Collective& collective, Communicator& communicator,
                                       const WorkloadConfig& config)
    : collective_(&collective), communicator_(&communicator), config_(config) {
  const Layout plan = layout(collective, communicator.size(), config);
  if (plan.count == 0) {
    throw std::invalid_argument(std::string(collective.name) + ": " + std::to_string(config.bytes) +
                                " bytes hold no " + std::string(to_string(config.type)) +
                                " element per rank");
  }
  count_ = plan.count;
  sets_ = plan.sets;
  send_stride_bytes_ = plan.send_stride_bytes;
  receive_stride_bytes_ = plan.receive_stride_bytes;
  send_ = runtime::DeviceBuffer<std::byte>(sets_ * send_stride_bytes_);
  receive_ = runtime::DeviceBuffer<std::byte>(sets_ * receive_stride_bytes_);
  mismatches_ = runtime::DeviceBuffer<exact::Mismatches>(1);

  const runtime::Stream stream;
  fill(stream.get());
  // Copies of copies: few calls even for hundreds of thousands of small sets.
  for (std::uint64_t filled = 1; filled < sets_; filled *= 2) {
    const std::uint64_t more = std::min(filled, sets_ - filled);
    RACKPROOF_CUDA(cudaMemcpyAsync(send(filled), send(0), more * send_stride_bytes_,
                                   cudaMemcpyDeviceToDevice, stream.get()));
  }
  stream.synchronize();
}

std::string CollectiveWorkload::name() const {
  std::string text(collective_->name);
  const auto add = [&text](std::string_view part) { text.append("/").append(part); };
  add(to_string(config_.type));
  if (collective_->reduces) {
    add(to_string(config_.op));
  }
  add(to_string(config_.placement));
  add(std::to_string(message_bytes()));
  return text;
}

std::uint64_t CollectiveWorkload::message_bytes() const {
  const int ranks = communicator_->size();
  return std::max(collective_->send_elements(count_, ranks),
                  collective_->receive_elements(count_, ranks)) *
         size_bytes(config_.type);
}

std::byte* CollectiveWorkload::send(std::uint64_t set) {
  return send_.data() + set * send_stride_bytes_;
}

std::byte* CollectiveWorkload::receive(std::uint64_t set) {
  return config_.placement == Placement::in_place ? send(set)
                                                  : receive_.data() + set * receive_stride_bytes_;
}

void CollectiveWorkload::launch(cudaStream_t stream) {
  const CollectiveCall call{send(next_set_), receive(next_set_), count_, config_.type, config_.op};
  const ncclComm_t handle = communicator_->get();
  const ncclResult_t result = collective_->run(call, handle, stream);
  RACKPROOF_NCCL(result, handle);
  if (result == ncclInProgress) {
    // Until this is over the operation may not be in the stream, and an event would miss it.
    communicator_->wait_ready(Deadline("launch", kLaunchTimeout_s));
  }
  last_set_ = next_set_;
  next_set_ = (next_set_ + 1) % sets_;
  last_is_exact_ = std::exchange(next_is_filled_, false);
}

void CollectiveWorkload::fill(cudaStream_t stream) {
  const int ranks = communicator_->size();
  if (config_.placement == Placement::out_of_place) {
    RACKPROOF_CUDA(cudaMemsetAsync(receive(next_set_), kPoisonByte, receive_stride_bytes_, stream));
  }
  exact::fill_contributions(send(next_set_), collective_->send_elements(count_, ranks),
                            {config_.type, config_.op, communicator_->rank(), ranks, 0}, stream);
  next_is_filled_ = true;
}

OutputView CollectiveWorkload::output() {
  return {receive(last_set_), collective_->receive_elements(count_, communicator_->size()),
          static_cast<std::uint32_t>(size_bytes(config_.type))};
}

Verification CollectiveWorkload::verify(cudaStream_t stream) {
  if (!last_is_exact_) {
    throw std::logic_error(name() + ": verify() needs fill() and then exactly one launch()");
  }
  const int rank = communicator_->rank();
  const int ranks = communicator_->size();
  const OutputView view = output();
  const ExpectedOutput expected = collective_->expected(rank, ranks, count_);

  exact::Mismatches found = exact::cleared_mismatches();
  RACKPROOF_CUDA(
      cudaMemcpyAsync(mismatches_.data(), &found, sizeof found, cudaMemcpyHostToDevice, stream));
  exact::count_wrong(view.data, view.elements,
                     {config_.type, config_.op, rank, ranks, expected.first_element},
                     mismatches_.data(), stream);
  RACKPROOF_CUDA(
      cudaMemcpyAsync(&found, mismatches_.data(), sizeof found, cudaMemcpyDeviceToHost, stream));
  RACKPROOF_CUDA(cudaStreamSynchronize(stream));

  Verification result;
  result.checked_elements = view.elements;
  result.wrong_elements = found.wrong_elements;
  result.passed = found.wrong_elements == 0;
  if (!result.passed) {
    result.first_wrong = describe(view, expected, found.lowest_index);
  }
  return result;
}

WrongElement CollectiveWorkload::describe(const OutputView& view, const ExpectedOutput& expected,
                                          std::uint64_t index) const {
  return exact::with_type(config_.type, [&]<DataType Type>() {
    using Encoding = exact::Encoding<Type>;
    typename Encoding::Bits bits{};
    RACKPROOF_CUDA(cudaMemcpy(&bits, static_cast<const std::byte*>(view.data) + index * sizeof bits,
                              sizeof bits, cudaMemcpyDeviceToHost));
    const std::int64_t value =
        exact::reduced(Type, config_.op, communicator_->size(), expected.first_element + index);
    return WrongElement{index, static_cast<double>(value), Encoding::decode(bits)};
  });
}

}  // namespace rackproof::collectives
