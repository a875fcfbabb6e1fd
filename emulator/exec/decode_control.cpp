// Branches, calls, barriers and what ends a thread.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/decoder.hpp"
#include "emulator/exec/runtime_calls.hpp"

#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kControl = InstructionClass::control;

void bra(Decoder& decoder) {
  decoder.modifiers().take("uni");
  const auto* label = std::get_if<ptx::LabelOperand>(&decoder.operand(0).value);
  if (label == nullptr) {
    decoder.refuse("the target is not a label");
  }
  decoder.emit(branch, kControl);
  decoder.branch_to(decoder.out().code.size() - 1, label->target);
}

void brx(Decoder& decoder) {
  decoder.modifiers().take("idx");
  decoder.modifiers().take("uni");
  const auto* name = std::get_if<ptx::SymbolOperand>(&decoder.operand(1).value);
  const auto& tables = decoder.function().branch_targets;
  const auto found = name == nullptr ? tables.end() : tables.find(name->name);
  if (found == tables.end()) {
    decoder.refuse("its .branchtargets table is missing");
  }
  const Ref a = decoder.source(0, Type::u32);
  auto table = found->second;
  Op& op = decoder.emit(branch_indexed, kControl);
  op.a = a;
  op.immediate = static_cast<std::int64_t>(decoder.out().branch_tables.size());
  decoder.branch_table(table);
}

CallSite::Argument argument(Decoder& decoder, const ptx::Operand& value, bool is_return,
                            const ptx::Variable* formal) {
  CallSite::Argument result;
  if (const auto* symbol = std::get_if<ptx::SymbolOperand>(&value.value)) {
    if (const FrameVariable* variable = decoder.frame_variable(symbol->name)) {
      result.variable = *variable;
      return result;
    }
  }
  result.is_register = true;
  result.width = decoder.row_bytes(value);
  if (is_return) {
    result.reference = decoder.destination(value);
    return result;
  }
  const Type type = result.width != 0   ? decoder.register_type(value)
                    : formal != nullptr ? formal->type
                                        : Type::b32;
  result.reference = decoder.source(value, type);
  result.width = result.width != 0 ? result.width : std::max(4U, ptx::size_bytes(type));
  return result;
}

void call_function(Decoder& decoder) {
  decoder.modifiers().take("uni");
  const ptx::CallInfo* info = decoder.call_info();
  if (info == nullptr) {
    decoder.refuse("malformed call");
  }
  CallSite site;
  Ref pointer = kNoRef;
  const ptx::Function* callee = nullptr;
  if (const auto* symbol = std::get_if<ptx::SymbolOperand>(&info->callee.value)) {
    if (const auto found = decoder.program().function_index.find(symbol->name);
        found != decoder.program().function_index.end()) {
      callee = &decoder.program().module->functions[found->second];
    }
    site.function = decoder.function_index(symbol->name);
    if (site.function < 0) {
      if (!is_builtin(symbol->name)) {
        decoder.refuse("function '" + symbol->name +
                       "' is not defined in the PTX of this program (is a part of it linked as "
                       "machine code only?)");
      }
      site.builtin = symbol->name;
    }
  } else {
    pointer = decoder.source(info->callee, Type::u64);
    decoder.reach_called_through_pointers();
  }
  for (std::size_t i = 0; i < info->arguments.size(); ++i) {
    const ptx::Variable* formal =
        callee != nullptr && i < callee->parameters.size() ? &callee->parameters[i] : nullptr;
    site.arguments.push_back(argument(decoder, info->arguments[i], false, formal));
  }
  for (const auto& value : info->returns) {
    site.returns.push_back(argument(decoder, value, true, nullptr));
  }
  Op& op = decoder.emit(call, kControl);
  op.a = pointer;
  op.immediate = static_cast<std::int64_t>(decoder.out().calls.size());
  decoder.out().calls.push_back(std::move(site));
}

template <Handler kHandler>
void plain(Decoder& decoder) {
  decoder.modifiers().take("uni");
  decoder.emit(kHandler, kControl);
}

void nanosleep_(Decoder& decoder) {
  (void)decoder.modifiers().take_type();
  decoder.emit(nanosleep, kControl);
}

void griddepcontrol(Decoder& decoder) {
  const bool waits = decoder.modifiers().take_any({"launch_dependents", "wait"}) == 1;
  decoder.emit(waits ? await_grids : launch_dependents, kControl);
}

void setmaxnreg(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool releases = modifiers.take_any({"inc", "dec"}) == 1;
  modifiers.take("sync");
  modifiers.take("aligned");
  (void)modifiers.take_type();
  const auto* count = std::get_if<ptx::IntegerLiteral>(&decoder.operand(0).value);
  if (count == nullptr || count->value < 24 || count->value > 256 || count->value % 8 != 0) {
    decoder.refuse("the count has to be a multiple of 8 from 24 to 256");
  }
  Op& op = decoder.emit(set_registers, kControl);
  op.immediate = count->value;
  op.mode = releases ? 1 : 0;
}

void texture(Decoder& decoder) {
  decoder.refuse("textures and surfaces are not supported");
}
void multicast(Decoder& decoder) {
  decoder.refuse("multicast memory (multimem) is not supported");
}

void pmevent(Decoder& decoder) {
  decoder.modifiers().take("mask");
  decoder.emit(no_operation, kControl);
}

template <bool kIsBar>
void bar(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  constexpr auto kClass = InstructionClass::barrier;
  if (modifiers.take("warp")) {
    modifiers.take("sync");
    const Ref members = decoder.source(0, Type::b32);
    decoder.emit(warp_barrier, kClass).a = members;
    return;
  }
  if (modifiers.take("cluster")) {
    cluster_barrier(decoder);
    return;
  }
  modifiers.take("cta");
  const int kind = modifiers.take_any({"sync", "arrive", "red"});
  // PTX ISA 9.0, 9.7.13.1: bar is barrier with .aligned.
  const bool is_aligned = modifiers.take("aligned") || kIsBar;
  if (kind < 0) {
    decoder.refuse("no operation");
  }
  if (kind != 2) {
    const Ref a = decoder.source(0, Type::u32);
    const Ref b = decoder.operand_count() > 1 ? decoder.source(1, Type::u32) : kNoRef;
    Op& op = decoder.emit(kind == 0 ? barrier_sync : barrier_arrive, kClass);
    op.a = a;
    op.b = b;
    op.flags = is_aligned ? op_flags::kAligned : 0;
    return;
  }
  const int reduction = modifiers.take_any({"popc", "and", "or"});
  (void)modifiers.take_type();
  const bool counted = decoder.operand_count() == 4;
  const Ref a = decoder.source(1, Type::u32);
  const Ref b = counted ? decoder.source(2, Type::u32) : kNoRef;
  Op& op = decoder.emit(barrier_sync, kClass);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.c = decoder.source_predicate(decoder.operand(counted ? 3 : 2));
  op.mode = static_cast<std::uint8_t>(reduction + 1);
  op.flags = is_aligned ? op_flags::kAligned : 0;
}

}  // namespace

void add_control(DecodeTable& table) {
  table["bra"] = bra;
  table["brx"] = brx;
  table["call"] = call_function;
  table["ret"] = plain<return_>;
  table["exit"] = plain<exit_>;
  table["trap"] = plain<trap>;
  table["brkpt"] = plain<breakpoint>;
  table["nanosleep"] = nanosleep_;
  table["griddepcontrol"] = griddepcontrol;
  table["pmevent"] = pmevent;
  table["setmaxnreg"] = setmaxnreg;
  for (const char* name : {"tex", "tld4", "txq", "suld", "sust", "sured", "suq", "istypep"}) {
    table[name] = texture;
  }
  table["multimem"] = multicast;
  table["bar"] = bar<true>;
  table["barrier"] = bar<false>;
}

}  // namespace rackproof::emulator::exec
