#pragma once
/// The operands of one tcgen05.mma: from shared memory by descriptors, from tensor memory by
/// address, with metadata and scale factors (PTX ISA 9.0, sections 9.7.16.4, .5, .10.6 and .10.7).

#include "emulator/tensor/accumulator_layout.hpp"
#include "emulator/tensor/sparsity.hpp"
#include "emulator/tensor/tensor_operation.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace rackproof::emulator::tensor {

class OperandReader {
 public:
  OperandReader(const TensorMultiply& op, const AccumulatorLayout& layout,
                const TensorSides& sides);

  [[nodiscard]] OperandCodes a(std::uint32_t side, std::uint32_t part);
  [[nodiscard]] OperandCodes b(std::uint32_t side, std::uint32_t part);
  /// B of this side differs from that of the even CTA: its own scale factors do.
  [[nodiscard]] bool b_changes(std::uint32_t side, std::uint32_t part);

 private:
  void read_a_shared(std::uint32_t side, std::vector<std::uint32_t>& codes) const;
  void read_a_tensor(std::uint32_t side, std::uint32_t part,
                     std::vector<std::uint32_t>& codes) const;
  void spread(std::uint32_t side, std::uint32_t part, std::vector<std::uint32_t>& codes) const;
  [[nodiscard]] std::vector<std::uint8_t> scales(std::uint32_t side, std::uint32_t address,
                                                 std::uint32_t id, std::uint32_t lines,
                                                 std::uint32_t first_lane, const char* what) const;

  const TensorMultiply* op_;
  AccumulatorLayout layout_;
  const TensorSides* sides_;
  std::vector<std::uint32_t> b_codes_;                 ///< all N lines
  std::array<std::vector<std::uint8_t>, 2> b_scales_;  ///< of the part in turn, by side
};

/// Throws for descriptors and addresses that cannot be.
void validate_operands(const TensorMultiply& op, const TensorSides& sides);
/// Adds what the operands read.
void add_operands(const TensorMultiply& op, const TensorSides& sides, TensorFootprint& footprint);

}  // namespace rackproof::emulator::tensor
