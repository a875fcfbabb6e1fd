#pragma once
/// A collective on a communicator with its buffers, ready to be timed and verified.

#include "collectives/collective.hpp"
#include "collectives/communicator.hpp"
#include "collectives/exact_kernels.hpp"
#include "collectives/types.hpp"
#include "runtime/device_buffer.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace rackproof::collectives {

struct WrongElement {
  std::uint64_t index = 0;  ///< in this rank's output
  double expected = 0;
  double actual = 0;
};

/// Outcome of comparing every element of one rank's output with its exact value.
struct Verification {
  bool passed = false;
  std::uint64_t checked_elements = 0;
  std::uint64_t wrong_elements = 0;
  std::optional<WrongElement> first_wrong;  ///< the one with the lowest index
};

/// A raw view of an output: the harness plants a wrong element in it to test the verifier.
struct OutputView {
  void* data = nullptr;
  std::uint64_t elements = 0;
  std::uint32_t element_bytes = 0;
};

struct WorkloadConfig {
  DataType type = DataType::float32;
  ReduceOp op = ReduceOp::sum;
  Placement placement = Placement::out_of_place;
  std::uint64_t bytes = 0;  ///< S as the collective defines it; whole elements are used
  /// Rotate over buffer sets that together exceed this (cold L2); 0: one set.
  std::uint64_t rotate_beyond_bytes = 0;
};

/// Owned by one rank. The communicator must outlive it.
///
/// To time: launch() as often as wanted. To verify: fill(), launch() once, verify(). An execution
/// in place consumes its input, so only the first one after fill() has a known result.
class CollectiveWorkload {
 public:
  /// Allocates and fills all buffer sets on the current device and synchronises.
  /// Throws std::invalid_argument when `bytes` is less than one element (per rank, where the
  /// collective cuts its buffer).
  CollectiveWorkload(const Collective& collective, Communicator& communicator,
                     const WorkloadConfig& config);

  /// Device memory that all sets of one rank need, before allocating any.
  [[nodiscard]] static std::uint64_t footprint_bytes(const Collective& collective, int ranks,
                                                     const WorkloadConfig& config);

  /// "all_reduce/float32/sum/in_place/1048576"
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const Collective& collective() const { return *collective_; }
  [[nodiscard]] const WorkloadConfig& config() const { return config_; }
  /// S of what really runs: config().bytes rounded down to whole elements.
  [[nodiscard]] std::uint64_t message_bytes() const;
  [[nodiscard]] std::uint64_t buffer_sets() const { return sets_; }

  /// Enqueues one execution on the next buffer set; never synchronises.
  void launch(cudaStream_t stream);
  /// Enqueues: puts the exact inputs into the set that the next launch() uses, and a pattern that
  /// is wrong everywhere into its output.
  void fill(cudaStream_t stream);
  /// The output of the most recent launch().
  [[nodiscard]] OutputView output();
  /// Compares every element of output() with the exact value. Enqueues on `stream` and waits for
  /// it: call it when the collective is known to have finished (Watchdog::wait).
  /// Throws std::logic_error if the set was not filled since it was last launched.
  [[nodiscard]] Verification verify(cudaStream_t stream);

 private:
  [[nodiscard]] std::byte* send(std::uint64_t set);
  [[nodiscard]] std::byte* receive(std::uint64_t set);
  [[nodiscard]] WrongElement describe(const OutputView& view, const ExpectedOutput& expected,
                                      std::uint64_t index) const;

  const Collective* collective_;
  Communicator* communicator_;
  WorkloadConfig config_;
  std::size_t count_ = 0;
  std::uint64_t sets_ = 1;
  std::size_t send_stride_bytes_ = 0;
  std::size_t receive_stride_bytes_ = 0;
  std::uint64_t next_set_ = 0;
  std::uint64_t last_set_ = 0;
  bool next_is_filled_ = false;
  bool last_is_exact_ = false;
  runtime::DeviceBuffer<std::byte> send_;
  runtime::DeviceBuffer<std::byte> receive_;  ///< empty in place
  runtime::DeviceBuffer<exact::Mismatches> mismatches_;
};

}  // namespace rackproof::collectives
