// wgmma: PTX ISA 9.0, section 9.7.15.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/wgmma.hpp"

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;
using tensor::ElementPacking;
using tensor::Format;
using tensor::UnitKind;

struct WgmmaElement {
  std::string_view name;
  UnitKind kind;
  Format format;
  ElementPacking packing;
  std::size_t k;  ///< of dense operands
  bool is_signed;
};
constexpr WgmmaElement kElements[] = {
    {"f16", UnitKind::wgmma, Format::f16, ElementPacking::bits_16, 16, true},
    {"bf16", UnitKind::wgmma, Format::bf16, ElementPacking::bits_16, 16, true},
    {"tf32", UnitKind::wgmma, Format::tf32, ElementPacking::bits_32, 8, true},
    {"e4m3", UnitKind::wgmma, Format::e4m3, ElementPacking::bits_8, 32, true},
    {"e5m2", UnitKind::wgmma, Format::e5m2, ElementPacking::bits_8, 32, true},
    {"s8", UnitKind::wgmma_integer, Format::f16, ElementPacking::bits_8, 32, true},
    {"u8", UnitKind::wgmma_integer, Format::f16, ElementPacking::bits_8, 32, false},
    {"b1", UnitKind::wgmma_bits, Format::f16, ElementPacking::bits_1, 256, false},
};

const WgmmaElement& take_element(Decoder& decoder) {
  const WgmmaElement* found = nullptr;
  decoder.modifiers().take_first([&found](std::string_view modifier) {
    for (const WgmmaElement& element : kElements) {
      if (element.name == modifier) {
        found = &element;
        return true;
      }
    }
    return false;
  });
  if (found == nullptr) {
    decoder.refuse("an element type is missing");
  }
  return *found;
}

std::int64_t immediate(Decoder& decoder, std::size_t index) {
  const auto* const literal = std::get_if<ptx::IntegerLiteral>(&decoder.operand(index).value);
  if (literal == nullptr) {
    decoder.refuse("operand " + std::to_string(index + 1) + " has to be a constant");
  }
  return literal->value;
}

bool negates(Decoder& decoder, std::size_t index) {
  const std::int64_t value = immediate(decoder, index);
  if (value != 1 && value != -1) {
    decoder.refuse("imm-scale has to be 1 or -1");
  }
  return value == -1;
}
bool transposes(Decoder& decoder, std::size_t index) {
  const std::int64_t value = immediate(decoder, index);
  if (value != 0 && value != 1) {
    decoder.refuse("imm-trans has to be 0 or 1");
  }
  return value == 1;
}

/// Registers of a vector operand, at the end of `refs`.
void add_registers(Decoder& decoder, std::size_t index, std::size_t count, Type literal,
                   std::vector<Ref>& refs) {
  const auto elements = decoder.elements(decoder.operand(index));
  if (elements.size() != count) {
    decoder.refuse("operand " + std::to_string(index + 1) + " has to have " +
                   std::to_string(count) + " registers");
  }
  for (const auto* element : elements) {
    refs.push_back(index == 0 ? decoder.destination(*element) : decoder.source(*element, literal));
  }
  for (const Ref ref : refs) {
    if (ref == kNoRef || (ref & kConstantBit) != 0) {
      decoder.refuse("D and A have to be registers");
    }
  }
}

void multiply(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  WgmmaSpec spec;
  spec.sparse = modifiers.take("sp");
  modifiers.take("sync");
  modifiers.take("aligned");
  const std::string_view shape =
      modifiers.take_first([](std::string_view modifier) { return modifier.starts_with("m64n"); });
  spec.unit.saturate = modifiers.take("satfinite");
  const bool half = modifiers.take_first([](std::string_view modifier) {
    return modifier == "f16" || modifier == "f32" || modifier == "s32";
  }) == "f16";
  const WgmmaElement& a = take_element(decoder);
  const WgmmaElement& b = take_element(decoder);
  if (a.kind == UnitKind::wgmma_bits) {
    modifiers.take("and");
    modifiers.take("popc");
  }
  constexpr std::size_t kDigits = 4;  // behind "m64n"
  std::size_t n = 0;
  std::from_chars(shape.data() + kDigits, shape.data() + shape.size(), n);
  spec.unit.kind = a.kind;
  spec.unit.format_a = a.format;
  spec.unit.format_b = b.format;
  spec.unit.signed_a = a.is_signed;
  spec.unit.signed_b = b.is_signed;
  spec.unit.accumulator = half ? tensor::Accumulator::f16 : tensor::Accumulator::f32;
  spec.unit.k = a.k * (spec.sparse ? 2 : 1);
  // Elements of b1 come as words of 32.
  const std::size_t stored = a.kind == UnitKind::wgmma_bits ? a.k / 32 : a.k;
  spec.a = {WgmmaSpec::kRows, stored, a.packing, false};
  spec.b = {n, stored * (spec.sparse ? 2 : 1), b.packing, false};

  std::vector<Ref> refs;
  add_registers(decoder, 0, spec.sum_registers(), Type::b32, refs);
  spec.a_in_registers = std::holds_alternative<ptx::VectorOperand>(decoder.operand(1).value);
  Ref descriptor_a = kNoRef;
  if (spec.a_in_registers) {
    add_registers(decoder, 1, WgmmaSpec::kOperandRegisters, Type::b32, refs);
  } else {
    descriptor_a = decoder.source(1, Type::b64);
  }
  const Ref descriptor_b = decoder.source(2, Type::b64);
  std::size_t next = 3;
  Ref metadata = kNoRef;
  if (spec.sparse) {
    metadata = decoder.source(next, Type::b32);
    const std::int64_t selector = immediate(decoder, next + 1);
    const std::int64_t largest = a.packing == ElementPacking::bits_8 ? 0 : 1;
    if (selector < 0 || selector > largest) {
      decoder.refuse("the sparsity selector has to be 0" +
                     std::string(largest == 1 ? " or 1" : ""));
    }
    spec.selector = static_cast<std::uint32_t>(selector);
    next += 2;
  }
  const Ref accumulates = decoder.source_predicate(decoder.operand(next++));
  if (a.kind == UnitKind::wgmma) {
    spec.unit.negate_a = negates(decoder, next);
    spec.unit.negate_b = negates(decoder, next + 1);
    next += 2;
    if (a.packing == ElementPacking::bits_16) {
      if (!spec.a_in_registers) {
        spec.a.mn_major = transposes(decoder, next++);
      }
      spec.b.mn_major = transposes(decoder, next++);
    }
  }
  if (next != decoder.operand_count()) {
    decoder.refuse("the number of operands does not fit");
  }
  const std::uint32_t list = decoder.add_refs(refs);
  auto& specs = decoder.out().wgmma;
  Op& op = decoder.emit(wgmma_multiply, InstructionClass::tensor);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.a = descriptor_a;
  op.b = descriptor_b;
  op.c = accumulates;
  op.d = metadata;
  op.immediate = static_cast<std::int64_t>(specs.size());
  specs.push_back(spec);
}

void wgmma(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int which = modifiers.take_any({"mma_async", "fence", "commit_group", "wait_group"});
  if (which == 0) {
    multiply(decoder);
    return;
  }
  modifiers.take("sync");
  modifiers.take("aligned");
  if (which == 3) {
    const std::int64_t pending = immediate(decoder, 0);
    decoder.emit(wgmma_wait, InstructionClass::barrier).immediate = pending;
  } else {
    decoder.emit(which == 1 ? wgmma_fence : wgmma_commit, InstructionClass::barrier);
  }
}

/// Adds the registers that an operand names.
template <class Add>
void visit_registers(const ptx::Operand& operand, Add&& add) {
  if (const auto* const one = std::get_if<ptx::RegisterOperand>(&operand.value)) {
    add(one->index);
  } else if (const auto* const vector = std::get_if<ptx::VectorOperand>(&operand.value)) {
    for (const ptx::Operand& element : vector->elements) {
      visit_registers(element, add);
    }
  } else if (const auto* const pair = std::get_if<ptx::PairOperand>(&operand.value)) {
    for (const ptx::Operand& element : pair->elements) {
      visit_registers(element, add);
    }
  }
}

/// Instructions whose first operand is a source.
bool writes_nothing(std::string_view opcode) {
  constexpr std::string_view kNone[] = {"st", "red", "stmatrix", "bar", "barrier", "cp"};
  return std::find(std::begin(kNone), std::end(kNone), opcode) != std::end(kNone);
}

}  // namespace

std::vector<bool> registers_of_wgmma(const ptx::Function& function) {
  std::vector<bool> used;
  for (const ptx::Instruction& instruction : function.body) {
    if (instruction.opcode != "wgmma" || instruction.operands.size() < 3) {
      continue;
    }
    used.resize(function.registers.size());
    const auto add = [&used](ptx::RegisterIndex index) { used[index] = true; };
    visit_registers(instruction.operands[0], add);
    if (std::holds_alternative<ptx::VectorOperand>(instruction.operands[1].value)) {
      visit_registers(instruction.operands[1], add);
    }
  }
  return used;
}

void Decoder::insert_wgmma_watch(std::size_t first_op) {
  if (instruction_->opcode == "wgmma") {
    return;
  }
  RegisterAccesses accesses;
  accesses.is_move = instruction_->opcode == "mov";
  for (std::size_t i = 0; i < instruction_->operands.size(); ++i) {
    const bool is_write = i == 0 && !writes_nothing(instruction_->opcode);
    visit_registers(instruction_->operands[i], [&](ptx::RegisterIndex index) {
      if (index < wgmma_registers_.size() && wgmma_registers_[index]) {
        (is_write ? accesses.writes : accesses.reads).push_back(register_refs_[index]);
      }
    });
  }
  if (accesses.reads.empty() && accesses.writes.empty()) {
    return;
  }
  const auto index = static_cast<std::int64_t>(out_->wgmma_accesses.size());
  out_->wgmma_accesses.push_back(std::move(accesses));
  Op& op = emit(wgmma_watch, InstructionClass::control);
  op.expansion = true;
  op.immediate = index;
  std::rotate(out_->code.begin() + static_cast<std::ptrdiff_t>(first_op), out_->code.end() - 1,
              out_->code.end());
}

void add_wgmma(DecodeTable& table) {
  table["wgmma"] = wgmma;
}

}  // namespace rackproof::emulator::exec
