#pragma once
/// Structured sparsity of A (PTX ISA 9.0, sections 9.7.15.6.2 and 9.7.16.5): which elements of K
/// the stored ones are.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace rackproof::emulator::tensor {

/// How metadata selects.
enum class SparsityPattern : std::uint8_t {
  two_of_four,        ///< 16- and 8-bit types: two 2-bit indices for each four elements
  one_of_two,         ///< tf32: 0b0100 the first of two, 0b1110 the second
  pairs_of_two_four,  ///< mxf4: two 2-bit indices of pairs for each eight elements
};

/// Spreads the stored elements of one row, with kAbsentElement at all other places. `metadata`:
/// four bits for each group of 4 (one_of_two: 2; pairs: 8) elements of K, the lowest group in the
/// lowest bits of the first word. Throws DescriptorError for indices that the pattern forbids.
void spread_sparse_row(SparsityPattern pattern, std::span<const std::uint32_t> stored,
                       std::span<const std::uint32_t> metadata, std::span<std::uint32_t> row);

}  // namespace rackproof::emulator::tensor
