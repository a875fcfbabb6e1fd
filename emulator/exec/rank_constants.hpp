#pragma once
/// Each CTA of a cluster has addresses of its own for its shared memory: the kernel's constants
/// with them.

#include "emulator/exec/aligned_buffer.hpp"
#include "emulator/exec/decoded_kernel.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// By rank, of a cluster of `size` CTAs. The first is empty: its addresses are those of the kernel.
[[nodiscard]] std::vector<AlignedBuffer> constants_by_rank(const DecodedKernel& kernel,
                                                           std::uint32_t size);

}  // namespace rackproof::emulator::exec
