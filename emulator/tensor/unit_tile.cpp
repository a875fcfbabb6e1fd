#include "emulator/tensor/unit_tile.hpp"

#include "emulator/tensor/unit_blocks.hpp"

namespace rackproof::emulator::tensor {

bool vector_path_available(VectorPath path) {
#ifdef RACKPROOF_UNIT_X86
  if (path == VectorPath::avx512) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return path == VectorPath::portable;
}

VectorPath best_vector_path() {
  return vector_path_available(VectorPath::avx512) ? VectorPath::avx512 : VectorPath::portable;
}

void multiply_unit_tile(const UnitTile& tile, VectorPath path, std::vector<std::uint16_t>& redo) {
  redo.assign(tile.a->lines * (tile.b->padded_lines / kUnitLanes), 0);
  switch (path) {
#ifdef RACKPROOF_UNIT_X86
    case VectorPath::avx512:
      avx512::unit_blocks(tile, redo.data());
      return;
#endif
    default:
      portable::unit_blocks(tile, redo.data());
  }
}

}  // namespace rackproof::emulator::tensor
