#pragma once
/// What a CTA has of the SM's tensor core: its tensor memory, and what its warps have under way.

#include "emulator/async/operation_queue.hpp"
#include "emulator/check/tensor_order.hpp"
#include "emulator/tensor/tensor_memory.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace rackproof::emulator::exec {

/// An allocation that waits for columns, or for the same of the other CTA of the pair.
struct TensorRequest {
  std::uint32_t columns = 0;
  std::optional<std::uint32_t> granted;
};

/// Of one warp.
struct TensorWarp {
  /// Operations of one warp take effect in order of issue (PTX ISA 9.0, section 9.7.16.6.2).
  async::OperationQueue::Pipe pipe = async::OperationQueue::kUnordered;

  // For the checks alone.
  struct Load {
    std::uint32_t number = 0;  ///< TensorInstruction::load
    std::uint32_t access = 0;  ///< in TensorCore::order
  };
  struct Move {
    std::uint32_t access = 0;  ///< in TensorCore::order
    bool writes = false;
  };
  std::uint32_t pipe_serial = 0;  ///< 0: none yet
  check::Time pipe_time = 0;
  std::vector<Load> loads;  ///< tcgen05.ld that no wait::ld followed
  std::vector<Move> moves;  ///< tcgen05.ld and .st that others do not know yet
  check::Clock seen;        ///< at the last tcgen05.fence::after_thread_sync
};

struct TensorCore {
  tensor::TensorMemory memory;
  std::optional<TensorRequest> request;
  /// .cta_group of all instructions so far; 0: none.
  std::uint32_t cta_group = 0;
  std::vector<TensorWarp> warps;
  check::TensorOrder order;
};

}  // namespace rackproof::emulator::exec
