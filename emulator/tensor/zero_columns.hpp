#pragma once
/// The zero-column mask of tcgen05.mma.ws (PTX ISA 9.0, section 9.7.16.4.3): columns of B that
/// count as zeros, whatever shared memory holds.

#include <cstdint>
#include <vector>

namespace rackproof::emulator::tensor {

/// Which of the `n` columns are zeros. `descriptor`: 64 bits; `m`: 32, 64 or 128, which makes 4, 2
/// or 1 sub-masks of n * m / 128 columns. Each is a pattern that alternates between columns that
/// are used (use span) and zeros (skip span), begins with zeros if its first span is 1, and lacks
/// as many of its first columns as its start count says: so the section's examples; its table has
/// the two spans the other way round. Throws DescriptorError for reserved bits.
[[nodiscard]] std::vector<bool> zero_columns(std::uint64_t descriptor, std::uint32_t m,
                                             std::uint32_t n);

/// The column of B that counts as the first. Throws DescriptorError if it is beyond 16 (m = 32) or
/// 32.
[[nodiscard]] std::uint32_t column_shift(std::uint64_t descriptor, std::uint32_t m);

}  // namespace rackproof::emulator::tensor
