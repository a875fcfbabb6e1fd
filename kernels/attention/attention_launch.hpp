#pragma once
/// The forward kernel of one problem, ready to be launched on any arrays of its shape.

#include "kernels/attention/arguments.hpp"
#include "kernels/attention/implementations.hpp"
#include "runtime/device_buffer.hpp"

namespace rackproof::kernels::attention {

/// First rows of the sequences of a packed batch and the totals, on the current device; empty
/// unless packed.
struct SequenceTables {
  runtime::DeviceBuffer<std::int32_t> q;
  runtime::DeviceBuffer<std::int32_t> kv;
};
[[nodiscard]] SequenceTables sequence_tables(const AttentionProblem& problem);

class AttentionLaunch {
 public:
  /// Prepares the current device; `implementation` and `problem` must outlive the object.
  AttentionLaunch(const Implementation& implementation, const AttentionProblem& problem);
  /// `arguments`: those of make_arguments(), with the arrays filled in.
  void enqueue(AttentionArguments arguments, cudaStream_t stream) const;

 private:
  const Implementation& implementation_;
  const AttentionProblem& problem_;
  TileOrder order_;
  runtime::DeviceBuffer<PackedTile> tiles_;  ///< empty unless packed or windowed
};

}  // namespace rackproof::kernels::attention
