#pragma once
/// One tcgen05 instruction, decoded: what Op has no room for. Op::immediate is its index in
/// DecodedKernel::tensor.

#include "emulator/exec/op.hpp"
#include "emulator/tensor/instruction_descriptor.hpp"
#include "emulator/tensor/tensor_fragment.hpp"
#include "emulator/tensor/tensor_operation.hpp"

#include <cstdint>
#include <vector>

namespace rackproof::emulator::exec {

/// An address in tensor memory: a row of 32-bit words plus an offset. kNoRef: there is none.
struct TensorOperand {
  Ref row = kNoRef;
  std::uint32_t offset = 0;

  [[nodiscard]] explicit operator bool() const { return row != kNoRef; }
};

enum class TensorReduction : std::uint8_t { none, min, max };
enum class ReductionType : std::uint8_t { f32, u32, s32 };

struct TensorInstruction {
  std::uint32_t cta_group = 0;  ///< 0: the instruction has none
  TensorOperand address;        ///< alloc: where in shared memory the result goes is in the Op

  // ld, ld.red, st
  tensor::FragmentLayout fragment;
  std::vector<Ref> registers;
  std::uint32_t load = 0;  ///< number of a tcgen05.ld in its kernel
  TensorReduction reduction = TensorReduction::none;
  ReductionType reduction_type = ReductionType::f32;
  bool absolute = false;
  bool nan_wins = false;
  Ref reduced = kNoRef;

  // cp
  tensor::CopyShape copy_shape = tensor::CopyShape::s128x256b;
  tensor::CopyFormat copy_format = tensor::CopyFormat::plain;

  // mma: `address` is D; `a` is a descriptor (64-bit row) unless it is in tensor memory
  tensor::InstructionContext context;
  Ref a = kNoRef;
  TensorOperand a_address;
  Ref b = kNoRef;           ///< also the source of cp
  Ref descriptor = kNoRef;  ///< of the instruction, 32 bits
  TensorOperand metadata;
  TensorOperand scale_a;
  TensorOperand scale_b;
  Ref enable = kNoRef;  ///< a predicate
  std::vector<Ref> disabled_lanes;
  std::uint32_t input_shift = 0;
  bool shifts_a = false;      ///< .ashift
  Ref zero_columns = kNoRef;  ///< 64 bits

  // commit
  Ref multicast = kNoRef;  ///< 16-bit mask; kNoRef: the barrier at the address alone
};

}  // namespace rackproof::emulator::exec
