#include "emulator/tensor/operand_cache.hpp"

#include <cstring>
#include <utility>

namespace rackproof::emulator::tensor {

std::shared_ptr<const PreparedOperand> OperandCache::columns(
    const MatrixUnit& unit, const SharedOperand& operand, const std::vector<OperandChunk>& chunks,
    const std::byte* shared) {
  constexpr std::size_t kWords = 2;  // 64-bit words of a chunk
  bytes_.resize(chunks.size() * kWords);
  std::uint64_t* to = bytes_.data();
  for (const OperandChunk& chunk : chunks) {
    std::memcpy(to, shared + chunk.address, kWords * sizeof(*to));
    to += kWords;
  }
  bytes_.push_back(operand.lines << 32 | operand.elements << 8 |
                   static_cast<std::uint64_t>(operand.packing) << 1 | (operand.mn_major ? 1U : 0U));
  bytes_.push_back(static_cast<std::uint64_t>(unit.kind) << 16 |
                   static_cast<std::uint64_t>(unit.format_b) << 8 | (unit.signed_b ? 2U : 0U) |
                   (unit.negate_b ? 1U : 0U) | static_cast<std::uint64_t>(unit.k) << 32);
  for (const Entry& entry : entries_) {
    if (entry.bytes == bytes_) {
      return entry.prepared;
    }
  }
  OperandCodes codes;
  codes.lines = operand.lines;
  read_operand(chunks, operand, shared, codes.codes);
  Entry& entry = entries_[next_];
  next_ = (next_ + 1) % entries_.size();
  entry.prepared =
      std::make_shared<const PreparedOperand>(unit, PreparedOperand::Role::b, std::move(codes));
  entry.bytes = bytes_;
  return entry.prepared;
}

}  // namespace rackproof::emulator::tensor
