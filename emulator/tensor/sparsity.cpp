#include "emulator/tensor/sparsity.hpp"

#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <algorithm>
#include <string>

namespace rackproof::emulator::tensor {
namespace {

/// What one index of the metadata moves, and how many elements four bits describe.
struct PatternFacts {
  std::size_t group;  ///< elements of K
  std::size_t unit;   ///< elements an index moves; 0: half an element
};
PatternFacts facts_of(SparsityPattern pattern) {
  switch (pattern) {
    case SparsityPattern::two_of_four:
      return {4, 1};
    case SparsityPattern::one_of_two:
      return {2, 0};
    default:
      return {8, 2};
  }
}

}  // namespace

void spread_sparse_row(SparsityPattern pattern, std::span<const std::uint32_t> stored,
                       std::span<const std::uint32_t> metadata, std::span<std::uint32_t> row) {
  const PatternFacts form = facts_of(pattern);
  std::fill(row.begin(), row.end(), kAbsentElement);
  for (std::size_t g = 0; g < row.size() / form.group; ++g) {
    const std::uint32_t nibble = metadata[g / 8] >> (g % 8 * 4) & 0xf;
    const std::uint32_t first = nibble & 3;
    const std::uint32_t second = nibble >> 2;
    const auto refuse = [&](const char* rule) {
      throw DescriptorError("sparsity metadata " + std::to_string(nibble) + " of group " +
                            std::to_string(g) + ": " + rule);
    };
    std::uint32_t* const group = row.data() + g * form.group;
    const std::uint32_t* const from = stored.data() + g * form.group / 2;
    if (pattern == SparsityPattern::one_of_two) {
      // The two halves of an element move together.
      if (nibble != 0b0100 && nibble != 0b1110) {
        refuse("of 32-bit elements it is 0b0100 or 0b1110");
      }
      group[nibble == 0b0100 ? 0 : 1] = from[0];
      continue;
    }
    std::copy_n(from, form.unit, group + first * form.unit);
    if (first != second) {
      std::copy_n(from + form.unit, form.unit, group + second * form.unit);
    } else if (std::any_of(from + form.unit, from + 2 * form.unit,
                           [](std::uint32_t code) { return code != 0; })) {
      // Of a group of zeros CUTLASS's compressor writes indices 0 and 0.
      refuse("the two indices have to differ, for the second element is not zero");
    }
  }
}

}  // namespace rackproof::emulator::tensor
