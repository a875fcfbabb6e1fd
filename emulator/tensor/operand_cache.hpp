#pragma once
/// Operands of matrix units, read from shared memory and decoded, remembered by content: the warps
/// of a warpgroup multiply by the same B one after the other.

#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace rackproof::emulator::tensor {

class OperandCache {
 public:
  /// B of `unit` as `chunks` of `operand` in `shared` (the byte at address 0).
  std::shared_ptr<const PreparedOperand> columns(const MatrixUnit& unit,
                                                 const SharedOperand& operand,
                                                 const std::vector<OperandChunk>& chunks,
                                                 const std::byte* shared);

 private:
  struct Entry {
    std::vector<std::uint64_t> bytes;  ///< the chunks, then what says how they are read
    std::shared_ptr<const PreparedOperand> prepared;
  };
  std::array<Entry, 4> entries_;
  std::size_t next_ = 0;
  std::vector<std::uint64_t> bytes_;
};

}  // namespace rackproof::emulator::tensor
