#pragma once
/// The 32-bit instruction descriptor of tcgen05.mma (PTX ISA 9.0, section 9.7.16.4.2).

#include "emulator/tensor/matrix_unit.hpp"
#include "emulator/tensor/shared_descriptor.hpp"

#include <cstdint>
#include <string>

namespace rackproof::emulator::tensor {

/// What the instruction itself says.
struct InstructionContext {
  UnitKind kind = UnitKind::f16;  ///< of tcgen05
  bool sparse = false;
  bool weight_stationary = false;  ///< .ws
  bool a_in_tensor_memory = false;
  std::uint32_t cta_group = 1;
  /// .block16, .block32 or scale_vec::4X, 2X, 1X as elements for each scale; 0 without scales.
  std::uint32_t scale_block = 0;
  std::uint32_t architecture = 100;  ///< of the PTX target: 100, 101, 103, 110
};

/// A tcgen05.mma, decoded and validated.
struct MatrixInstruction {
  MatrixUnit unit;
  std::uint32_t m = 128;  ///< over both CTAs of a pair
  std::uint32_t n = 256;
  bool sparse = false;
  std::uint32_t sparsity_selector = 0;
  bool a_mn_major = false;
  bool b_mn_major = false;
  std::uint32_t scale_id_a = 0;  ///< byte of the scale factors' column
  std::uint32_t scale_id_b = 0;
  std::uint32_t maximum_shift = 0;  ///< .ws: rows that B may be shifted by
  ElementPacking packing_a = ElementPacking::bits_16;
  ElementPacking packing_b = ElementPacking::bits_16;

  /// Elements of a row of A as stored: half of K if it is sparse.
  [[nodiscard]] std::size_t stored_k() const { return sparse ? unit.k / 2 : unit.k; }
};

/// Throws DescriptorError with the rule that is broken.
[[nodiscard]] MatrixInstruction decode_instruction_descriptor(std::uint32_t bits,
                                                              const InstructionContext& context);

}  // namespace rackproof::emulator::tensor
