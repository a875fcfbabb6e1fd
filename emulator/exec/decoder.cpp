#include "emulator/exec/decoder.hpp"

#include "emulator/exec/windows.hpp"
#include "emulator/ptx/types.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

std::uint32_t align_up(std::uint32_t value, std::uint32_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

const DecodeTable& decode_table() {
  static const DecodeTable table = [] {
    DecodeTable result;
    add_arithmetic(result);
    add_logic(result);
    add_conversions(result);
    add_memory(result);
    add_control(result);
    add_warp(result);
    return result;
  }();
  return table;
}

std::uint32_t width_of(ptx::Type type) {
  if (type == ptx::Type::pred) {
    return 0;
  }
  return std::max(4U, ptx::size_bytes(type));
}

}  // namespace

Modifiers::Modifiers(const ptx::Instruction& instruction)
    : instruction_(&instruction), taken_(instruction.modifiers.size()) {}

bool Modifiers::take(std::string_view modifier) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && instruction_->modifiers[i] == modifier) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

bool Modifiers::take_prefix(std::string_view prefix) {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i] && instruction_->modifiers[i].starts_with(prefix)) {
      taken_[i] = true;
      return true;
    }
  }
  return false;
}

ptx::Type Modifiers::take_type() {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (taken_[i]) {
      continue;
    }
    if (const auto type = ptx::type_from_string(instruction_->modifiers[i])) {
      taken_[i] = true;
      return *type;
    }
  }
  return ptx::Type::none;
}

int Modifiers::take_any(std::initializer_list<std::string_view> names) {
  int index = 0;
  for (const auto name : names) {
    if (take(name)) {
      return index;
    }
    ++index;
  }
  return -1;
}

std::optional<Rounding> Modifiers::take_rounding() {
  switch (take_any({"rn", "rz", "rm", "rp", "rna"})) {
    case 0:
      return Rounding::nearest_even;
    case 1:
      return Rounding::zero;
    case 2:
      return Rounding::down;
    case 3:
      return Rounding::up;
    case 4:
      return Rounding::nearest_away;
    default:
      return std::nullopt;
  }
}

std::uint8_t Modifiers::take_flags() {
  std::uint32_t flags = 0;
  flags |= take("ftz") ? op_flags::kFtz : 0U;
  flags |= take("sat") || take("satfinite") ? op_flags::kSaturate : 0U;
  flags |= take("relu") ? op_flags::kRelu : 0U;
  flags |= take("NaN") ? op_flags::kNan : 0U;
  if (take("xorsign")) {
    take("abs");
    flags |= op_flags::kXorSign;
  }
  return static_cast<std::uint8_t>(flags);
}

std::string_view Modifiers::left_over() const {
  for (std::size_t i = 0; i < taken_.size(); ++i) {
    if (!taken_[i]) {
      return instruction_->modifiers[i];
    }
  }
  return {};
}

Decoder::Decoder(const Program::Impl& program, DecodedKernel& out, const SharedLayout& layout)
    : program_(&program), out_(&out), layout_(&layout) {}

void Decoder::refuse(const std::string& why) const {
  throw UnsupportedInstruction("kernel '" + out_->name + "' cannot run on the emulator: '" +
                               instruction_->mnemonic() + "' at PTX line " +
                               std::to_string(instruction_->where.ptx_line) + ": " + why);
}

const ptx::Operand& Decoder::operand(std::size_t index) const {
  if (index >= instruction_->operands.size()) {
    refuse("too few operands");
  }
  return instruction_->operands[index];
}

Op& Decoder::emit(Handler handler, InstructionClass instruction_class) {
  if (handler == nullptr) {
    refuse("this combination of type and modifiers is not supported");
  }
  Op op;
  op.handler = handler;
  op.instruction_class = static_cast<std::uint8_t>(instruction_class);
  if (instruction_->guard) {
    op.guard = register_refs_[instruction_->guard->predicate] |
               (instruction_->guard->negated ? kNegateBit : 0);
  }
  out_->code.push_back(op);
  out_->source.push_back(instruction_);
  return out_->code.back();
}

Ref Decoder::constant(std::uint64_t bits, std::uint32_t width) {
  const auto [entry, is_new] = constants_.try_emplace({bits, width}, constants_end_ | kConstantBit);
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
  frame_bytes_ = align_up(frame_bytes_, 64);
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
  return type == ptx::Type::none ? 0 : width_of(type);
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
  const std::uint32_t width = width_of(type);
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
    return constant(symbol_address(symbol->name) + static_cast<std::uint64_t>(symbol->offset),
                    width);
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
    offset = align_up(offset, std::max(parameter.alignment, 1U));
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
  if (space == AddressKind::generic && base < kSharedWindow &&
      layout_->offset.contains(target->symbol)) {
    base += kSharedWindow;
  }
  if (space == AddressKind::parameter) {
    base &= kWindowOffsetMask;
  }
  op.a = constant(base, 8);
}

std::int32_t Decoder::reach(std::size_t module_index) {
  const auto [entry, is_new] = out_->function_of_module_index.try_emplace(
      static_cast<std::uint32_t>(module_index), static_cast<std::int32_t>(out_->functions.size()));
  if (is_new) {
    FunctionCode code;
    code.name = program_->module->functions[module_index].name;
    out_->functions.push_back(std::move(code));
    pending_.emplace_back(entry->second, module_index);
  }
  return entry->second;
}

std::int32_t Decoder::function_index(const std::string& name) {
  const auto found = program_->function_index.find(name);
  if (found == program_->function_index.end() ||
      program_->module->functions[found->second].is_declaration) {
    return -1;
  }
  return reach(found->second);
}

void Decoder::reach_all_functions() {
  for (std::size_t i = 0; i < program_->module->functions.size(); ++i) {
    const auto& candidate = program_->module->functions[i];
    if (!candidate.is_kernel && !candidate.is_declaration) {
      (void)reach(i);
    }
  }
}

void Decoder::branch_to(std::size_t op_index, std::uint32_t target) {
  branches_.emplace_back(op_index, target);
}

void Decoder::branch_table(std::vector<std::uint32_t>& table) {
  tables_.push_back(out_->branch_tables.size());
  out_->branch_tables.push_back(std::move(table));
}

const ptx::CallInfo* Decoder::call_info() const {
  for (const auto& call : function_->calls) {
    if (call.instruction == instruction_index_) {
      return &call;
    }
  }
  return nullptr;
}

void Decoder::lay_out_frame() {
  frame_bytes_ = 0;
  local_bytes_ = 0;
  carry_ = kNoRef;
  register_refs_.clear();
  frame_variables_.clear();
  local_offsets_.clear();
  for (const auto& reg : function_->registers) {
    register_refs_.push_back(temporary(width_of(reg.type)));
  }
  const auto place = [this](const ptx::Variable& variable) {
    FrameVariable placed;
    placed.size_bytes = static_cast<std::uint32_t>(variable.size_bytes);
    placed.stride = align_up(std::max(placed.size_bytes, 8U), 16);
    frame_bytes_ = align_up(frame_bytes_, 64);
    placed.offset = frame_bytes_;
    frame_bytes_ += placed.stride * kWarpSize;
    frame_variables_[variable.name] = placed;
    return placed;
  };
  FunctionCode& code = out_->functions[static_cast<std::size_t>(
      out_->function_of_module_index.at(static_cast<std::uint32_t>(module_index_)))];
  if (!function_->is_kernel) {
    for (const auto& parameter : function_->parameters) {
      code.parameters.push_back(place(parameter));
    }
    for (const auto& result : function_->returns) {
      code.returns.push_back(place(result));
    }
  }
  for (const auto& variable : function_->variables) {
    if (variable.space == ptx::StateSpace::param) {
      place(variable);
    } else if (variable.space == ptx::StateSpace::local) {
      local_bytes_ = align_up(local_bytes_, std::max(variable.alignment, 1U));
      local_offsets_[variable.name] = local_bytes_;
      local_bytes_ += static_cast<std::uint32_t>(variable.size_bytes);
    }
  }
  local_bytes_ = align_up(local_bytes_, 16);
}

void Decoder::decode_instruction(std::size_t index) {
  instruction_index_ = index;
  instruction_ = &function_->body[index];
  Modifiers modifiers(*instruction_);
  modifiers_ = &modifiers;
  const auto found = decode_table().find(instruction_->opcode);
  if (found == decode_table().end()) {
    refuse("the instruction is not supported");
  }
  found->second(*this);
  if (const auto rest = modifiers.left_over(); !rest.empty()) {
    refuse("modifier ." + std::string(rest) + " is not supported");
  }
}

// Taken backward branches around polling loads give other warps a turn at once.
void Decoder::mark_spins(std::size_t first_op) {
  for (std::size_t i = first_op; i < out_->code.size(); ++i) {
    Op& op = out_->code[i];
    const auto target = static_cast<std::size_t>(op.immediate);
    if (op.handler != branch || target > i) {
      continue;
    }
    const bool polls =
        std::any_of(out_->code.begin() + static_cast<std::ptrdiff_t>(target),
                    out_->code.begin() + static_cast<std::ptrdiff_t>(i),
                    [](const Op& inner) { return (inner.flags & op_flags::kSynchronising) != 0; });
    if (polls) {
      op.flags |= op_flags::kSpinBranch;
    }
  }
}

void Decoder::decode_function(std::int32_t index, std::size_t module_index) {
  module_index_ = module_index;
  function_ = &program_->module->functions[module_index];
  lay_out_frame();
  const std::size_t first = out_->code.size();
  out_->functions[static_cast<std::size_t>(index)].entry = static_cast<std::uint32_t>(first);
  first_op_.clear();
  branches_.clear();
  tables_.clear();
  for (std::size_t i = 0; i < function_->body.size(); ++i) {
    first_op_.push_back(static_cast<std::uint32_t>(out_->code.size()));
    decode_instruction(i);
  }
  first_op_.push_back(static_cast<std::uint32_t>(out_->code.size()));
  // Control may fall off the end, which returns.
  static const ptx::Instruction kEnd = [] {
    ptx::Instruction end;
    end.opcode = "ret";
    return end;
  }();
  instruction_ = &kEnd;
  emit(return_, InstructionClass::control).expansion = true;
  for (const auto& [op, target] : branches_) {
    out_->code[op].immediate = first_op_[std::min<std::size_t>(target, first_op_.size() - 1)];
  }
  for (const std::size_t table : tables_) {
    for (auto& target : out_->branch_tables[table]) {
      target = first_op_[std::min<std::size_t>(target, first_op_.size() - 1)];
    }
  }
  mark_spins(first);
  FunctionCode& code = out_->functions[static_cast<std::size_t>(index)];
  code.frame_bytes = align_up(frame_bytes_, 64);
  code.local_bytes = local_bytes_;
}

void Decoder::run(std::size_t kernel_function) {
  out_->name = program_->module->functions[kernel_function].name;
  out_->shared_base = layout_->base;
  out_->static_shared_bytes = layout_->end;
  (void)reach(kernel_function);
  while (!pending_.empty()) {
    const auto [index, module_index] = pending_.back();
    pending_.pop_back();
    decode_function(index, module_index);
  }
  out_->local_bytes = out_->functions[0].local_bytes;
}

std::unique_ptr<DecodedKernel> decode(const Program::Impl& program, std::size_t function) {
  auto kernel = std::make_unique<DecodedKernel>();
  const SharedLayout layout = lay_out_shared(program, function);
  Decoder decoder(program, *kernel, layout);
  decoder.run(function);
  return kernel;
}

}  // namespace rackproof::emulator::exec
