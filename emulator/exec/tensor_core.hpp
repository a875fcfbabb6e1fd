#pragma once
/// What a CTA has of the SM's tensor core: its tensor memory, and the pipes of its warps.

#include "emulator/async/operation_queue.hpp"
#include "emulator/tensor/tensor_memory.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace rackproof::emulator::exec {

class Warp;

/// An allocation that waits for columns, or for the same of the other CTA of the pair.
struct TensorRequest {
  std::uint32_t columns = 0;
  std::optional<std::uint32_t> granted;
};

struct TensorCore {
  tensor::TensorMemory memory;
  std::optional<TensorRequest> request;
  /// .cta_group of all instructions so far; 0: none.
  std::uint32_t cta_group = 0;
  /// Operations of one warp take effect in order of issue (PTX ISA 9.0, section 9.7.16.6.2).
  std::map<std::uint32_t, async::OperationQueue::Pipe> pipes;
};

}  // namespace rackproof::emulator::exec
