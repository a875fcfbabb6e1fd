#pragma once
/// Element-wise reductions into memory, for asynchronous operations.

#include "emulator/exec/handlers.hpp"
#include "emulator/ptx/types.hpp"

#include <cstddef>
#include <cstdint>

namespace rackproof::emulator::exec {

/// to[i] = op(to[i], from[i]) for `bytes` of elements of `type`, each atomic for the host's
/// threads. f32 flushes subnormals, as atomics on global memory do. False: the pair is not defined.
[[nodiscard]] bool reduce_elements(AtomicOp op, ptx::Type type, std::byte* to,
                                   const std::byte* from, std::uint64_t bytes);

}  // namespace rackproof::emulator::exec
