// tensormap.replace, tensormap.cp_fenceproxy and clusterlaunchcontrol.
#include "emulator/exec/decoder.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kClass = InstructionClass::async_copy;

constexpr std::array<std::string_view, kTensorMapFields> kFieldNames = {
    "global_address", "rank",     "box_dim",           "global_dim",   "global_stride",
    "element_stride", "elemtype", "interleave_layout", "swizzle_mode", "swizzle_atomicity",
    "fill_mode"};

AddressKind take_space(Modifiers& modifiers) {
  return modifiers.take("shared::cta") ? AddressKind::shared
         : modifiers.take("global")    ? AddressKind::global
                                       : AddressKind::generic;
}

std::int64_t literal(Decoder& decoder, std::size_t index) {
  const auto* value = std::get_if<ptx::IntegerLiteral>(&decoder.operand(index).value);
  if (value == nullptr) {
    decoder.refuse("an immediate is expected");
  }
  return value->value;
}

void replace(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("tile");
  std::uint8_t field = 0;
  while (field < kTensorMapFields && !modifiers.take(kFieldNames[field])) {
    ++field;
  }
  const AddressKind space = take_space(modifiers);
  modifiers.take("b1024");
  const Type type = modifiers.take_type();
  if (field == kTensorMapFields) {
    decoder.refuse("no field");
  }
  const bool has_ordinal = decoder.operand_count() > 2;
  const std::int64_t ordinal = has_ordinal ? literal(decoder, 1) : 0;
  const Ref value = decoder.source(has_ordinal ? 2 : 1, type);
  Op& op = decoder.emit(replace_tensor_map, kClass);
  decoder.address(op, decoder.operand(0), space);
  op.b = value;
  op.c = static_cast<std::uint32_t>(ordinal);
  op.d = field;
  op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
}

// Operand 0 in `space`: a + immediate; operand 1 in shared memory: b + d, a register of `size`
// bytes.
Op& emit_on_two_addresses(Decoder& decoder, Handler handler, AddressKind space) {
  Op second;
  decoder.address(second, decoder.operand(1), AddressKind::shared);
  Op& op = decoder.emit(handler, kClass);
  decoder.address(op, decoder.operand(0), space);
  op.b = second.a;
  op.d = static_cast<std::uint32_t>(second.immediate);
  op.size = (second.mode & memory_mode::kWideAddress) != 0 ? 8 : 4;
  return op;
}

void copy(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  for (const char* name :
       {"global", "shared::cta", "tensormap::generic", "release", "sync", "aligned"}) {
    modifiers.take(name);
  }
  const int scope = modifiers.take_any({"cta", "cluster", "gpu", "sys"});
  if (literal(decoder, 2) != 128) {
    decoder.refuse("the size is 128");
  }
  Op& op = emit_on_two_addresses(decoder, copy_tensor_map, AddressKind::global);
  op.c = static_cast<std::uint32_t>(std::min(scope, 2));
}

void tensormap(Decoder& decoder) {
  if (decoder.modifiers().take("replace")) {
    replace(decoder);
  } else if (decoder.modifiers().take("cp_fenceproxy")) {
    copy(decoder);
  } else {
    decoder.refuse("no operation");
  }
}

void query_cancel(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const int part = modifiers.take_any({"is_canceled", "get_first_ctaid", "get_first_ctaid::x",
                                       "get_first_ctaid::y", "get_first_ctaid::z"});
  modifiers.take("pred");
  modifiers.take("v4");
  modifiers.take("b32");
  modifiers.take("b128");
  const Ref handle = decoder.source(1, Type::b128);
  std::vector<Ref> refs;
  for (const ptx::Operand* result : decoder.elements(decoder.operand(0))) {
    refs.push_back(decoder.destination(*result));
  }
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(launch_control_query, InstructionClass::other);
  op.a = handle;
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.mode = static_cast<std::uint8_t>(part);
}

void clusterlaunchcontrol(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  if (modifiers.take("query_cancel")) {
    query_cancel(decoder);
    return;
  }
  modifiers.take("try_cancel");
  modifiers.take("async");
  modifiers.take("shared::cta");
  modifiers.take("mbarrier::complete_tx::bytes");
  const bool multicast = modifiers.take("multicast::cluster::all");
  modifiers.take("b128");
  Op& op = emit_on_two_addresses(decoder, launch_control_cancel, AddressKind::shared);
  op.c = multicast ? 1 : 0;
  // Which cluster is taken depends on what the others took: CTAs meet here, one after the other.
  op.flags |= op_flags::kSynchronising;
  op.space = static_cast<std::uint8_t>(AddressKind::generic);
}

}  // namespace

void add_tensor_map(DecodeTable& table) {
  table["tensormap"] = tensormap;
  table["clusterlaunchcontrol"] = clusterlaunchcontrol;
}

}  // namespace rackproof::emulator::exec
