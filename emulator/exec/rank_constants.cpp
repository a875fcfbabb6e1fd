#include "emulator/exec/rank_constants.hpp"

#include "emulator/exec/windows.hpp"

#include <cstring>

namespace rackproof::emulator::exec {

std::vector<AlignedBuffer> constants_by_rank(const DecodedKernel& kernel, std::uint32_t size) {
  std::vector<AlignedBuffer> all(size);
  for (std::uint64_t rank = 1; rank < size; ++rank) {
    AlignedBuffer& constants = all[rank];
    constants.resize(kernel.constants.size());
    std::memcpy(constants.data(), kernel.constants.data(), kernel.constants.size());
    for (const auto& [offset, width] : kernel.shared_constants) {
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        std::byte* const at = constants.data() + offset + std::size_t{lane} * width;
        std::uint64_t address = 0;
        std::memcpy(&address, at, width);
        address |= rank << kClusterRankShift;
        std::memcpy(at, &address, width);
      }
    }
  }
  return all;
}

}  // namespace rackproof::emulator::exec
