#pragma once
/// Where tcgen05.mma keeps the rows of D, and of A in tensor memory, in one CTA (PTX ISA 9.0,
/// section 9.7.16.10.5, layouts A to G).

#include <cstdint>

namespace rackproof::emulator::tensor {

struct AccumulatorLayout {
  std::uint32_t rows = 128;  ///< of D in this CTA
  /// The columns of D lie folded in so many parts, below each other. Each part multiplies with A of
  /// its own lanes, if A is in tensor memory.
  std::uint32_t parts = 1;
  bool scattered = false;  ///< 16 rows in the first or second half of each 32 lanes

  /// `base`: the lane of the address, 0 or (scattered) 16.
  [[nodiscard]] std::uint32_t lane(std::uint32_t base, std::uint32_t part,
                                   std::uint32_t row) const {
    return scattered ? base + row / 16 * 32 + row % 16 : part * rows + row;
  }

  static AccumulatorLayout of(std::uint32_t m, std::uint32_t cta_group, bool weight_stationary,
                              bool sparse) {
    const std::uint32_t rows = m / cta_group;
    if (rows == 128) {
      return {rows, 1, false};  // A and D
    }
    if (weight_stationary) {
      return {rows, 128 / rows, false};  // E and G
    }
    const bool folded = cta_group == 2 && !sparse;
    return {rows, folded ? 2U : 1U, !folded};  // B, C and F
  }
};

}  // namespace rackproof::emulator::tensor
