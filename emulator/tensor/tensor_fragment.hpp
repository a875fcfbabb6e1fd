#pragma once
/// Which thread of a warp holds which cell of tensor memory in tcgen05.ld and .st (PTX ISA 9.0,
/// section 9.7.16.2.3.1).

#include <cstdint>

namespace rackproof::emulator::tensor {

enum class FragmentShape : std::uint8_t { s32x32b, s16x64b, s16x128b, s16x256b, s16x32bx2 };

/// Lane and column from the address of the instruction on.
struct FragmentCell {
  std::uint32_t lane = 0;
  std::uint32_t column = 0;
};

struct FragmentLayout {
  FragmentShape shape = FragmentShape::s32x32b;
  std::uint32_t repeat = 1;  ///< .x1 to .x128
  std::uint32_t split = 0;   ///< 16x32bx2: columns from the first half of the threads to the second
  bool packed = false;       ///< .pack::16b, .unpack::16b: a register is two cells' low halves

  [[nodiscard]] std::uint32_t lanes() const { return shape == FragmentShape::s32x32b ? 32 : 16; }
  [[nodiscard]] std::uint32_t registers() const {
    switch (shape) {
      case FragmentShape::s16x128b:
        return 2 * repeat;
      case FragmentShape::s16x256b:
        return 4 * repeat;
      default:
        return repeat;
    }
  }
  [[nodiscard]] std::uint32_t cells_per_register() const { return packed ? 2 : 1; }
  /// Cell `part` of a thread's register.
  [[nodiscard]] FragmentCell cell(std::uint32_t thread, std::uint32_t reg,
                                  std::uint32_t part) const {
    const std::uint32_t per = cells_per_register();
    switch (shape) {
      case FragmentShape::s32x32b:
        return {thread, reg * per + part};
      case FragmentShape::s16x64b:
        return {thread / 4 + 8 * (thread & 1), ((thread >> 1 & 1) + 2 * reg) * per + part};
      case FragmentShape::s16x128b:
        return {thread / 4 + 8 * (reg & 1), (thread % 4 + reg / 2 * 4) * per + part};
      case FragmentShape::s16x256b:
        return {thread / 4 + 8 * (reg >> 1 & 1),
                (thread % 4 * 2 + (reg & 1) + reg / 4 * 8) * per + part};
      case FragmentShape::s16x32bx2:
        break;
    }
    return {thread % 16, reg * per + part + thread / 16 * split};
  }
  /// Columns from the first to behind the last one.
  [[nodiscard]] std::uint32_t columns() const {
    const FragmentCell last = cell(31, registers() - 1, cells_per_register() - 1);
    return last.column + 1;
  }
};

}  // namespace rackproof::emulator::tensor
