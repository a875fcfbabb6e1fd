#include "emulator/exec/decoder.hpp"

#include "emulator/exec/compared_values.hpp"
#include "emulator/exec/register_rows.hpp"

#include <algorithm>

namespace rackproof::emulator::exec {
namespace {

const DecodeTable& decode_table() {
  static const DecodeTable table = [] {
    DecodeTable result;
    add_arithmetic(result);
    add_logic(result);
    add_conversions(result);
    add_memory(result);
    add_control(result);
    add_warp(result);
    add_matrix(result);
    add_stack(result);
    add_mbarrier(result);
    add_video(result);
    add_tcgen05(result);
    add_cluster(result);
    add_wgmma(result);
    add_tensor_map(result);
    return result;
  }();
  return table;
}

}  // namespace

Decoder::Decoder(const Program::Impl& program, DecodedKernel& out, const SharedLayout& layout)
    : program_(&program), out_(&out), layout_(&layout) {}

void Decoder::refuse(const std::string& why) const {
  throw UnsupportedInstruction(
      "kernel '" + out_->name + "' cannot run on the emulator: '" + instruction_->mnemonic() +
      "' at PTX line " + std::to_string(instruction_->where.ptx_line) +
      (function_->module_name.empty() ? "" : " of ") + function_->module_name + ": " + why);
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

void Decoder::reach_called_through_pointers() {
  for (const std::size_t function : program_->call_graph.address_taken()) {
    (void)reach(function);
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
  const std::vector<std::uint32_t> rows = assign_rows(*function_);
  std::map<std::uint32_t, std::vector<Ref>> rows_of_width;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t width = row_width(function_->registers[i].type);
    std::vector<Ref>& refs = rows_of_width[width];
    while (refs.size() <= rows[i]) {
      refs.push_back(temporary(width));
    }
    register_refs_.push_back(refs[rows[i]]);
  }
  const auto place = [this](const ptx::Variable& variable) {
    FrameVariable placed;
    placed.size_bytes = static_cast<std::uint32_t>(variable.size_bytes);
    placed.stride = round_up(std::max(placed.size_bytes, 8U), 16);
    frame_bytes_ = round_up(frame_bytes_, 64);
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
      local_bytes_ = round_up(local_bytes_, std::max(variable.alignment, 1U));
      local_offsets_[variable.name] = local_bytes_;
      local_bytes_ += static_cast<std::uint32_t>(variable.size_bytes);
    }
  }
  local_bytes_ = round_up(local_bytes_, 16);
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
  check_early_use();
  const std::size_t first_op = out_->code.size();
  found->second(*this);
  if (const auto rest = modifiers.left_over(); !rest.empty()) {
    refuse("modifier ." + std::string(rest) + " is not supported");
  }
  insert_gate(first_op);
  if (!wgmma_registers_.empty()) {
    insert_wgmma_watch(first_op);
  }
}

void Decoder::check_early_use() {
  const auto found =
      early_uses_.by_instruction.find(static_cast<std::uint32_t>(instruction_index_));
  if (found == early_uses_.by_instruction.end()) {
    return;
  }
  std::vector<Ref> loads;
  for (const std::uint32_t load : found->second) {
    loads.push_back(first_number_ + load);
  }
  loads.resize(std::min<std::size_t>(loads.size(), 255));
  const std::uint32_t list = add_refs(loads);
  Op& op = emit(tensor_check_registers, InstructionClass::other);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(loads.size());
  op.expansion = true;
}

// CTAs that run side by side meet only at instructions behind a gate (GridExecution).
void Decoder::insert_gate(std::size_t first_op) {
  const auto communicates = [this](const Op& op) {
    const auto space = static_cast<AddressKind>(op.space);
    const bool beyond_cta = space == AddressKind::global || space == AddressKind::generic;
    const bool synchronises =
        (op.flags & op_flags::kSynchronising) != 0 ||
        op.instruction_class == static_cast<std::uint8_t>(InstructionClass::atomic);
    return (synchronises && beyond_cta) ||
           (op.handler == call &&
            !out_->calls[static_cast<std::size_t>(op.immediate)].builtin.empty());
  };
  const auto begin = out_->code.begin() + static_cast<std::ptrdiff_t>(first_op);
  if (std::none_of(begin, out_->code.end(), communicates)) {
    return;
  }
  emit(serial_gate, InstructionClass::control).expansion = true;
  std::rotate(out_->code.begin() + static_cast<std::ptrdiff_t>(first_op), out_->code.end() - 1,
              out_->code.end());
}

// A loop that reads a clock and touches nothing that others could see or change.
bool Decoder::waits_for_time(std::size_t first, std::size_t last) const {
  const auto begin = out_->code.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = out_->code.begin() + static_cast<std::ptrdiff_t>(last);
  const auto is_private = [](const Op& op) {
    switch (static_cast<InstructionClass>(op.instruction_class)) {
      case InstructionClass::load_global:
      case InstructionClass::store_global:
      case InstructionClass::load_shared:
      case InstructionClass::store_shared:
      case InstructionClass::load_store_other:
      case InstructionClass::atomic:
      case InstructionClass::async_copy:
      case InstructionClass::barrier:
      case InstructionClass::tensor:
        return false;
      default:
        return op.handler != call;
    }
  };
  return std::any_of(begin, end, [](const Op& op) { return reads_time(op.handler); }) &&
         std::all_of(begin, end, is_private);
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
                    out_->code.begin() + static_cast<std::ptrdiff_t>(i), [](const Op& inner) {
                      // try_wait gives the others their turn itself: one poll a turn.
                      const bool blocks =
                          inner.handler == mbarrier_test && (inner.mode & kMbarrierBlocking) != 0;
                      return (inner.flags & op_flags::kSynchronising) != 0 && !blocks;
                    });
    if (polls) {
      op.flags |= op_flags::kSpinBranch;
    }
    if (waits_for_time(target, i)) {
      op.flags |= op_flags::kClockBranch;
    }
  }
}

bool Decoder::is_compared(const ptx::Operand& data) const {
  const auto parts = elements(data);
  return std::any_of(parts.begin(), parts.end(), [this](const ptx::Operand* part) {
    const auto* const reg = std::get_if<ptx::RegisterOperand>(&part->value);
    return reg != nullptr && compared_values_.contains(reg->index);
  });
}

void Decoder::decode_function(std::int32_t index, std::size_t module_index) {
  module_index_ = module_index;
  function_ = &program_->module->functions[module_index];
  lay_out_frame();
  wgmma_registers_ = registers_of_wgmma(*function_);
  const std::size_t first = out_->code.size();
  out_->functions[static_cast<std::size_t>(index)].entry = static_cast<std::uint32_t>(first);
  early_uses_ = find_early_uses(*function_);
  out_->follows_tensor_registers |= early_uses_.follows_registers;
  compared_values_ = find_compared_values(*function_);
  first_op_.clear();
  branches_.clear();
  tables_.clear();
  for (std::size_t i = 0; i < function_->body.size(); ++i) {
    first_op_.push_back(static_cast<std::uint32_t>(out_->code.size()));
    decode_instruction(i);
  }
  first_number_ += static_cast<std::uint32_t>(function_->body.size());
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
  code.frame_bytes = round_up(frame_bytes_, 64);
  code.local_bytes = local_bytes_;
}

void Decoder::run(std::size_t kernel_function) {
  out_->name = program_->module->functions[kernel_function].name;
  out_->shared_base = layout_->first;
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
