#pragma once
/// The loops of UnitTile for one set of vector instructions each (unit_blocks.cpp).

#include "emulator/tensor/unit_tile.hpp"

#include <cstdint>

namespace rackproof::emulator::tensor {

/// `redo`: as multiply_unit_tile() has it, already of the right size.
namespace portable {
void unit_blocks(const UnitTile& tile, std::uint16_t* redo);
}
namespace avx512 {
void unit_blocks(const UnitTile& tile, std::uint16_t* redo);
}

}  // namespace rackproof::emulator::tensor
