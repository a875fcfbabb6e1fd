// Where operands lie: registers, constants, addresses of variables.
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/windows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <variant>

namespace rackproof::emulator::exec {

Ref Decoder::constant(std::uint64_t bits, std::uint32_t width) {
  return add_constant(constants_, bits, width);
}

Ref Decoder::shared_constant(std::uint64_t address, std::uint32_t width) {
  const std::uint32_t at = constants_end_;
  const Ref ref = add_constant(shared_constants_, address, width);
  if (constants_end_ != at) {
    out_->shared_constants.push_back({at, width});
  }
  return ref;
}

bool Decoder::is_shared_variable(const std::string& name) const {
  return layout_->offset.contains(std::to_string(module_index_) + ":" + name) ||
         layout_->offset.contains(name);
}

Ref Decoder::add_constant(std::map<ConstantKey, Ref>& known, std::uint64_t bits,
                          std::uint32_t width) {
  const auto [entry, is_new] = known.try_emplace({bits, width}, constants_end_ | kConstantBit);
  if (is_new) {
    const std::uint32_t at = constants_end_;
    constants_end_ += kWarpSize * width;
    if (constants_end_ > out_->constants.size()) {
      out_->constants.resize(std::max<std::size_t>(constants_end_, 2 * out_->constants.size()));
    }
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      std::memcpy(out_->constants.data() + at + std::size_t{lane} * width, &bits,
                  std::min(width, 8U));
    }
  }
  return entry->second;
}

Ref Decoder::temporary(std::uint32_t width) {
  frame_bytes_ = round_up(frame_bytes_, 64);
  const Ref ref = frame_bytes_;
  frame_bytes_ += width == 0 ? 4 : kWarpSize * width;
  return ref;
}

std::uint32_t Decoder::add_refs(const std::vector<Ref>& refs) {
  const auto first = static_cast<std::uint32_t>(out_->refs.size());
  out_->refs.insert(out_->refs.end(), refs.begin(), refs.end());
  return first;
}

Ref Decoder::carry_flag() {
  if (carry_ == kNoRef) {
    carry_ = temporary(0);
  }
  return carry_;
}

std::uint32_t Decoder::row_bytes(const ptx::Operand& value) const {
  const ptx::Type type = register_type(value);
  return type == ptx::Type::none ? 0 : row_width(type);
}

ptx::Type Decoder::register_type(const ptx::Operand& value) const {
  const auto* reg = std::get_if<ptx::RegisterOperand>(&value.value);
  return reg == nullptr ? ptx::Type::none : function_->registers[reg->index].type;
}

std::vector<const ptx::Operand*> Decoder::elements(const ptx::Operand& value) const {
  std::vector<const ptx::Operand*> result;
  if (const auto* vector = std::get_if<ptx::VectorOperand>(&value.value)) {
    for (const auto& element : vector->elements) {
      result.push_back(&element);
    }
  } else if (const auto* pair = std::get_if<ptx::PairOperand>(&value.value)) {
    for (const auto& element : pair->elements) {
      result.push_back(&element);
    }
  } else {
    result.push_back(&value);
  }
  return result;
}

Ref Decoder::destination(const ptx::Operand& value) {
  if (const auto* reg = std::get_if<ptx::RegisterOperand>(&value.value)) {
    return register_refs_[reg->index];
  }
  if (std::holds_alternative<ptx::SinkOperand>(value.value)) {
    return kNoRef;
  }
  refuse("the destination is not a register");
}

Ref Decoder::source_predicate(const ptx::Operand& value) {
  if (const auto* reg = std::get_if<ptx::RegisterOperand>(&value.value)) {
    return register_refs_[reg->index] | (reg->negated ? kNegateBit : 0);
  }
  if (const auto* literal = std::get_if<ptx::IntegerLiteral>(&value.value)) {
    return constant(literal->value != 0 ? ~std::uint64_t{0} : 0, 4);
  }
  refuse("a predicate operand is expected");
}

Ref Decoder::source(const ptx::Operand& value, ptx::Type type) {
  if (type == ptx::Type::pred) {
    return source_predicate(value);
  }
  const std::uint32_t width = row_width(type);
  if (const auto* reg = std::get_if<ptx::RegisterOperand>(&value.value)) {
    return register_refs_[reg->index];
  }
  if (const auto* literal = std::get_if<ptx::IntegerLiteral>(&value.value)) {
    auto bits = static_cast<std::uint64_t>(literal->value);
    if (type == ptx::Type::f32) {
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(literal->value));
    } else if (type == ptx::Type::f64) {
      bits = std::bit_cast<std::uint64_t>(static_cast<double>(literal->value));
    } else if (const auto size = ptx::size_bytes(type); size < 8) {
      bits &= (std::uint64_t{1} << (8 * size)) - 1;
    }
    return constant(bits, width);
  }
  if (const auto* literal = std::get_if<ptx::FloatLiteral>(&value.value)) {
    std::uint64_t bits = literal->bits;
    if (literal->is_f32 && type == ptx::Type::f64) {
      bits = std::bit_cast<std::uint64_t>(
          static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    } else if (!literal->is_f32 && width == 4) {
      bits = std::bit_cast<std::uint32_t>(static_cast<float>(std::bit_cast<double>(bits)));
    }
    return constant(bits, width);
  }
  if (const auto* special = std::get_if<ptx::SpecialRegister>(&value.value)) {
    std::uint32_t bytes = 0;
    std::int64_t immediate = 0;
    const Handler handler = special_register_handler(special->name, bytes, immediate);
    if (handler == nullptr) {
      refuse("special register %" + special->name + " is not supported");
    }
    const Ref row = temporary(std::max(bytes, width));
    Op& op = emit(handler, InstructionClass::other);
    op.dst = row;
    op.immediate = immediate;
    op.expansion = true;
    if (bytes == 4 && width == 8) {
      const Ref narrow = temporary(4);
      op.dst = narrow;
      Op& extend =
          emit(lane_ops().convert({ptx::Type::u64, ptx::Type::u32}, 0), InstructionClass::other);
      extend.dst = row;
      extend.a = narrow;
      extend.expansion = true;
    }
    return row;
  }
  if (const auto* symbol = std::get_if<ptx::SymbolOperand>(&value.value)) {
    if (const auto local = local_offsets_.find(symbol->name); local != local_offsets_.end()) {
      const Ref row = temporary(width);
      Op& op = emit(local_address, InstructionClass::other);
      op.dst = row;
      op.size = static_cast<std::uint8_t>(width);
      op.immediate = local->second + symbol->offset;
      op.expansion = true;
      return row;
    }
    const std::uint64_t address =
        symbol_address(symbol->name) + static_cast<std::uint64_t>(symbol->offset);
    return is_shared_variable(symbol->name) ? shared_constant(address, width)
                                            : constant(address, width);
  }
  refuse("an operand of this form is not supported here");
}

std::uint64_t Decoder::symbol_address(const std::string& name) {
  const auto own = layout_->offset.find(std::to_string(module_index_) + ":" + name);
  if (own != layout_->offset.end()) {
    return own->second;
  }
  if (const auto shared = layout_->offset.find(name); shared != layout_->offset.end()) {
    return shared->second;
  }
  if (const auto parameter = kernel_parameter(name)) {
    return kParameterWindow + *parameter;
  }
  if (const auto variable = program_->variable_index.find(name);
      variable != program_->variable_index.end()) {
    return program_->variables[variable->second].address;
  }
  if (const auto target = program_->function_index.find(name);
      target != program_->function_index.end()) {
    return kCodeWindow + 16 * target->second;
  }
  refuse("'" + name + "' has no address (external, or of a kind that is not supported)");
}

const FrameVariable* Decoder::frame_variable(const std::string& name) const {
  const auto found = frame_variables_.find(name);
  return found == frame_variables_.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> Decoder::kernel_parameter(const std::string& name) const {
  if (!function_->is_kernel) {
    return std::nullopt;
  }
  std::uint32_t offset = 0;
  for (const auto& parameter : function_->parameters) {
    offset = round_up(offset, std::max(parameter.alignment, 1U));
    if (parameter.name == name) {
      return offset;
    }
    offset += static_cast<std::uint32_t>(parameter.size_bytes);
  }
  return std::nullopt;
}

void Decoder::address(Op& op, const ptx::Operand& value, AddressKind space) {
  const auto* target = std::get_if<ptx::AddressOperand>(&value.value);
  if (target == nullptr) {
    refuse("the address is not of the form [base+offset]");
  }
  op.space = static_cast<std::uint8_t>(space);
  op.immediate = target->offset;
  const auto wide = static_cast<std::uint8_t>(op.mode | memory_mode::kWideAddress);
  if (target->base != kNoRef) {
    const ptx::Type type = function_->registers[target->base].type;
    op.a = register_refs_[target->base];
    op.mode = ptx::size_bytes(type) == 8 ? wide : op.mode;
    return;
  }
  op.mode = wide;
  if (target->symbol.empty()) {
    op.a = constant(0, 8);
    return;
  }
  std::uint64_t base = symbol_address(target->symbol);
  if (is_shared_variable(target->symbol)) {
    base += space == AddressKind::generic ? kSharedWindow : 0;
    op.a = shared_constant(base, 8);
    return;
  }
  if (space == AddressKind::parameter) {
    base &= kWindowOffsetMask;
  }
  op.a = constant(base, 8);
}

}  // namespace rackproof::emulator::exec
