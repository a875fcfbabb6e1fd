// tcgen05: PTX ISA 9.0, section 9.7.16.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/tensor_instruction.hpp"

#include <charconv>
#include <string_view>
#include <utility>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

TensorOperand tensor_operand(Decoder& decoder, const ptx::Operand& operand) {
  Op scratch;
  decoder.address(scratch, operand, AddressKind::shared);
  TensorOperand result{scratch.a, static_cast<std::uint32_t>(scratch.immediate)};
  if ((scratch.mode & memory_mode::kWideAddress) != 0) {
    if (const auto* address = std::get_if<ptx::AddressOperand>(&operand.value);
        address->base != ptx::kNoRegister || !address->symbol.empty()) {
      decoder.refuse("an address in tensor memory is a 32-bit register");
    }
    result.row = decoder.constant(0, 4);
  }
  return result;
}
bool is_address(const ptx::Operand& operand) {
  return std::holds_alternative<ptx::AddressOperand>(operand.value);
}
bool is_predicate(Decoder& decoder, const ptx::Operand& operand) {
  return decoder.register_type(operand) == Type::pred;
}
std::uint32_t immediate(Decoder& decoder, std::size_t index) {
  const auto* value = std::get_if<ptx::IntegerLiteral>(&decoder.operand(index).value);
  if (value == nullptr) {
    decoder.refuse("an immediate is expected");
  }
  return static_cast<std::uint32_t>(value->value);
}
std::uint32_t take_cta_group(Modifiers& modifiers) {
  return modifiers.take_any({"cta_group::1", "cta_group::2"}) == 1 ? 2 : 1;
}

// Fences around the barrier behind an allocation are no sign that a kernel fences its accesses too:
// ThunderKittens has no others. Those that count stand behind accesses, and behind mbarriers.
bool publishes_accesses(const DecodedKernel& kernel) {
  for (auto each = kernel.source.rbegin(); each != kernel.source.rend(); ++each) {
    if ((*each)->opcode == "tcgen05") {
      const std::string name = (*each)->mnemonic();
      return name.find("alloc") == std::string::npos;
    }
  }
  return false;
}
bool follows_mbarrier(const DecodedKernel& kernel) {
  for (auto each = kernel.source.rbegin(); each != kernel.source.rend(); ++each) {
    const std::string name = (*each)->mnemonic();
    if (name.find("alloc") != std::string::npos) {
      return false;
    }
    if ((*each)->opcode == "mbarrier" && name.find("_wait") != std::string::npos) {
      return true;
    }
  }
  return false;
}

Op& finish(Decoder& decoder, Handler handler, TensorInstruction instruction,
           InstructionClass instruction_class = InstructionClass::other) {
  Op& op = decoder.emit(handler, instruction_class);
  op.immediate = static_cast<std::int64_t>(decoder.out().tensor.size());
  decoder.out().tensor.push_back(std::move(instruction));
  return op;
}

void allocate(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(modifiers);
  const bool shared = modifiers.take("shared::cta");
  (void)modifiers.take_type();
  const Ref columns = decoder.source(1, Type::u32);
  Op target;
  decoder.address(target, decoder.operand(0), shared ? AddressKind::shared : AddressKind::generic);
  // The address of the result: the only operand that is not in the instruction.
  Op& op = finish(decoder, tensor_allocate, std::move(instruction));
  op.a = target.a;
  op.d = static_cast<std::uint32_t>(target.immediate);
  op.mode = target.mode;
  op.space = target.space;
  op.size = 4;
  op.b = columns;
}

void deallocate(Decoder& decoder) {
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(decoder.modifiers());
  (void)decoder.modifiers().take_type();
  const Ref address = decoder.source(0, Type::u32);
  const Ref columns = decoder.source(1, Type::u32);
  Op& op = finish(decoder, tensor_deallocate, std::move(instruction));
  op.a = address;
  op.b = columns;
}

void relinquish(Decoder& decoder) {
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(decoder.modifiers());
  finish(decoder, tensor_relinquish, std::move(instruction));
}

std::uint32_t take_repeat(Decoder& decoder) {
  const std::string_view name = decoder.modifiers().take_first([](std::string_view modifier) {
    return modifier.size() > 1 && modifier[0] == 'x' && modifier[1] >= '0' && modifier[1] <= '9';
  });
  std::uint32_t repeat = 0;
  std::from_chars(name.data() + (name.empty() ? 0 : 1), name.data() + name.size(), repeat);
  if (repeat == 0) {
    decoder.refuse("the repetition is missing");
  }
  return repeat;
}

void take_fragment(Decoder& decoder, TensorInstruction& instruction) {
  Modifiers& modifiers = decoder.modifiers();
  tensor::FragmentLayout& fragment = instruction.fragment;
  fragment.shape = static_cast<tensor::FragmentShape>(
      modifiers.take_any({"32x32b", "16x64b", "16x128b", "16x256b", "16x32bx2"}));
  fragment.repeat = take_repeat(decoder);
  fragment.packed = modifiers.take_any({"pack::16b", "unpack::16b"}) >= 0;
}

void check_registers(Decoder& decoder, const TensorInstruction& instruction) {
  if (instruction.registers.size() != instruction.fragment.registers()) {
    decoder.refuse("this shape has " + std::to_string(instruction.fragment.registers()) +
                   " registers");
  }
}

void load(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  TensorInstruction instruction;
  instruction.load = decoder.instruction_number();
  const bool reduces = modifiers.take("red");
  take_fragment(decoder, instruction);
  if (reduces) {
    instruction.reduction =
        modifiers.take_any({"min", "max"}) == 0 ? TensorReduction::min : TensorReduction::max;
    instruction.absolute = modifiers.take("abs");
    instruction.nan_wins = modifiers.take("NaN");
  }
  const Type type = modifiers.take_type();
  instruction.reduction_type = type == Type::u32   ? ReductionType::u32
                               : type == Type::s32 ? ReductionType::s32
                                                   : ReductionType::f32;
  for (const auto* element : decoder.elements(decoder.operand(0))) {
    instruction.registers.push_back(decoder.destination(*element));
  }
  check_registers(decoder, instruction);
  const std::size_t address = reduces ? 2 : 1;
  if (reduces) {
    instruction.reduced = decoder.destination(1);
  }
  instruction.address = tensor_operand(decoder, decoder.operand(address));
  if (decoder.operand_count() > address + 1) {
    instruction.fragment.split = immediate(decoder, address + 1);
  }
  finish(decoder, tensor_load, std::move(instruction), InstructionClass::load_store_other);
}

void store(Decoder& decoder) {
  TensorInstruction instruction;
  take_fragment(decoder, instruction);
  (void)decoder.modifiers().take_type();
  const bool split = decoder.operand_count() == 3;
  for (const auto* element : decoder.elements(decoder.operand(split ? 2 : 1))) {
    instruction.registers.push_back(decoder.source(*element, Type::b32));
  }
  check_registers(decoder, instruction);
  instruction.fragment.split = split ? immediate(decoder, 1) : 0;
  instruction.address = tensor_operand(decoder, decoder.operand(0));
  finish(decoder, tensor_store, std::move(instruction), InstructionClass::load_store_other);
}

void copy(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(modifiers);
  const int shape = modifiers.take_any({"128x256b", "4x256b", "128x128b", "64x128b", "32x128b"});
  const int half = modifiers.take_any({"warpx2::02_13", "warpx2::01_23"});
  modifiers.take("warpx4");
  instruction.copy_shape = shape == 4   ? tensor::CopyShape::s32x128b
                           : shape != 3 ? static_cast<tensor::CopyShape>(shape)
                           : half == 0  ? tensor::CopyShape::s64x128b_02_13
                                        : tensor::CopyShape::s64x128b_01_23;
  modifiers.take("b8x16");
  const int format = modifiers.take_any({"b6x16_p32", "b4x16_p64"});
  instruction.copy_format = static_cast<tensor::CopyFormat>(format + 1);
  instruction.address = tensor_operand(decoder, decoder.operand(0));
  instruction.b = decoder.source(1, Type::u64);
  finish(decoder, tensor_copy, std::move(instruction));
}

void shift(Decoder& decoder) {
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(decoder.modifiers());
  decoder.modifiers().take("down");
  instruction.address = tensor_operand(decoder, decoder.operand(0));
  finish(decoder, tensor_shift, std::move(instruction));
}

void commit(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  TensorInstruction instruction;
  instruction.cta_group = take_cta_group(modifiers);
  modifiers.take("mbarrier::arrive::one");
  const bool shared = modifiers.take("shared::cluster");
  const bool multicast = modifiers.take("multicast::cluster");
  (void)modifiers.take_type();
  instruction.multicast = multicast ? decoder.source(1, Type::u16) : kNoRef;
  Op target;
  decoder.address(target, decoder.operand(0),
                  shared ? AddressKind::shared_cluster : AddressKind::generic);
  Op& op = finish(decoder, tensor_commit, std::move(instruction));
  op.a = target.a;
  op.d = static_cast<std::uint32_t>(target.immediate);
  op.mode = target.mode;
  op.space = target.space;
}

tensor::UnitKind take_kind(Decoder& decoder) {
  constexpr tensor::UnitKind kKinds[] = {tensor::UnitKind::f16,      tensor::UnitKind::tf32,
                                         tensor::UnitKind::f8f6f4,   tensor::UnitKind::i8,
                                         tensor::UnitKind::mxf8f6f4, tensor::UnitKind::mxf4nvf4,
                                         tensor::UnitKind::mxf4};
  const int kind =
      decoder.modifiers().take_any({"kind::f16", "kind::tf32", "kind::f8f6f4", "kind::i8",
                                    "kind::mxf8f6f4", "kind::mxf4nvf4", "kind::mxf4"});
  if (kind < 0) {
    decoder.refuse("this kind is not supported");
  }
  return kKinds[kind];
}

// .scale_vec and .block name the same; without either, mxf8f6f4 and mxf4 scale 32 elements.
std::uint32_t take_scale_block(Decoder& decoder, tensor::UnitKind kind) {
  switch (decoder.modifiers().take_any(
      {"scale_vec::1X", "scale_vec::2X", "scale_vec::4X", "block32", "block16"})) {
    case 2:
    case 4:
      return 16;
    case 0:
    case 1:
    case 3:
      return 32;
    default:
      return kind == tensor::UnitKind::mxf4nvf4 ? 16 : 32;
  }
}

std::uint32_t target_architecture(const Decoder& decoder) {
  std::uint32_t number = 0;
  const std::string& target = decoder.program().module->target;
  std::from_chars(target.data() + 3, target.data() + target.size(), number);
  return number;
}

void multiply(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  TensorInstruction instruction;
  tensor::InstructionContext& context = instruction.context;
  context.weight_stationary = modifiers.take("ws");
  context.sparse = modifiers.take("sp");
  context.cta_group = instruction.cta_group = take_cta_group(modifiers);
  context.kind = take_kind(decoder);
  context.architecture = target_architecture(decoder);
  const bool scaled = modifiers.take("block_scale");
  context.scale_block = scaled ? take_scale_block(decoder, context.kind) : 0;
  instruction.shifts_a = modifiers.take("ashift");
  while (modifiers.take_prefix("collector::")) {
    // Hints: the collector buffers what the same A or B will be read for again.
  }
  std::size_t next = 0;
  instruction.address = tensor_operand(decoder, decoder.operand(next++));
  const ptx::Operand& a = decoder.operand(next++);
  context.a_in_tensor_memory = is_address(a);
  if (context.a_in_tensor_memory) {
    instruction.a_address = tensor_operand(decoder, a);
  } else {
    instruction.a = decoder.source(a, Type::u64);
  }
  instruction.b = decoder.source(next++, Type::u64);
  if (context.sparse) {
    instruction.metadata = tensor_operand(decoder, decoder.operand(next++));
  }
  instruction.descriptor = decoder.source(next++, Type::u32);
  if (scaled) {
    instruction.scale_a = tensor_operand(decoder, decoder.operand(next++));
    instruction.scale_b = tensor_operand(decoder, decoder.operand(next++));
  }
  if (next < decoder.operand_count() &&
      std::holds_alternative<ptx::VectorOperand>(decoder.operand(next).value)) {
    for (const auto* element : decoder.elements(decoder.operand(next++))) {
      instruction.disabled_lanes.push_back(decoder.source(*element, Type::b32));
    }
  }
  if (next >= decoder.operand_count() || !is_predicate(decoder, decoder.operand(next))) {
    decoder.refuse("the predicate enable-input-d is missing");
  }
  instruction.enable = decoder.source_predicate(decoder.operand(next++));
  if (next < decoder.operand_count()) {
    if (context.weight_stationary) {
      instruction.zero_columns = decoder.source(next, Type::u64);
    } else {
      instruction.input_shift = immediate(decoder, next);
    }
  }
  finish(decoder, tensor_multiply, std::move(instruction), InstructionClass::tensor);
}

void tcgen05(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("sync");
  modifiers.take("aligned");
  switch (modifiers.take_any({"alloc", "dealloc", "relinquish_alloc_permit", "ld", "st", "cp",
                              "shift", "commit", "mma", "wait::ld", "wait::st",
                              "fence::before_thread_sync", "fence::after_thread_sync"})) {
    case 0:
      return allocate(decoder);
    case 1:
      return deallocate(decoder);
    case 2:
      return relinquish(decoder);
    case 3:
      return load(decoder);
    case 4:
      return store(decoder);
    case 5:
      return copy(decoder);
    case 6:
      return shift(decoder);
    case 7:
      return commit(decoder);
    case 8:
      return multiply(decoder);
    case 9:
      decoder.out().has_tensor_wait_load = true;
      finish(decoder, tensor_wait_load, {});
      return;
    case 10:
      finish(decoder, tensor_wait_store, {});
      return;
    case 11:
      decoder.out().has_tensor_fence_before |= publishes_accesses(decoder.out());
      finish(decoder, tensor_fence_before, {});
      return;
    case 12:
      finish(decoder, tensor_fence_after, {}).mode = follows_mbarrier(decoder.out()) ? 1 : 0;
      decoder.out().has_tensor_fence_after |= follows_mbarrier(decoder.out());
      return;
    default:
      decoder.refuse("the instruction is not supported");
  }
}

}  // namespace

void add_tcgen05(DecodeTable& table) {
  table["tcgen05"] = tcgen05;
}

}  // namespace rackproof::emulator::exec
