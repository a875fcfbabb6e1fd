// ld, st, atom, red, cp.async, fences and cache hints.
#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/decoder.hpp"

#include <algorithm>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

struct Ordering {
  check::Semantics semantics = check::Semantics::weak;
  check::Scope scope = check::Scope::device;
};

check::Scope take_scope(Modifiers& modifiers, check::Scope fallback) {
  switch (modifiers.take_any({"cta", "cluster", "gpu", "gl", "sys"})) {
    case 0:
      return check::Scope::cta;
    case 1:
    case 2:
    case 3:
      return check::Scope::device;
    case 4:
      return check::Scope::system;
    default:
      return fallback;
  }
}

// To shared memory with an mbarrier; or, with .release, to global memory (PTX ISA 9.0, sections
// 9.7.9.12 and 9.7.13.8), where nothing but the released value tells that it came: here at issue.
bool is_asynchronous_on_barrier(Modifiers& modifiers) {
  return modifiers.take("mbarrier::complete_tx::bytes");
}

// .weak is the default; the others take part in synchronisation. .volatile and .mmio are ordered
// like .relaxed.sys (PTX ISA 9.0, section 8.4).
Ordering take_semantics(Modifiers& modifiers) {
  using enum check::Semantics;
  constexpr check::Semantics kMeanings[] = {relaxed, relaxed, acquire, release,
                                            acq_rel, relaxed, weak};
  const int semantics =
      modifiers.take_any({"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio", "weak"});
  Ordering ordering;
  ordering.scope = take_scope(
      modifiers, semantics == 0 || semantics == 5 ? check::Scope::system : check::Scope::device);
  if (semantics >= 0) {
    ordering.semantics = kMeanings[semantics];
    if (semantics != 5) {
      modifiers.take("mmio");
    }
  }
  return ordering;
}

void set_ordering(Op& op, const Ordering& ordering) {
  op.semantics = static_cast<std::uint8_t>(ordering.semantics);
  op.scope = static_cast<std::uint8_t>(ordering.scope);
  op.flags |= ordering.semantics == check::Semantics::weak ? 0 : op_flags::kSynchronising;
}

void take_cache_hints(Modifiers& modifiers) {
  modifiers.take_any({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  modifiers.take("nc");
  modifiers.take("unified");
  while (modifiers.take_prefix("L1::") || modifiers.take_prefix("L2::")) {
  }
}

AddressKind take_space(Modifiers& modifiers) {
  switch (modifiers.take_any({"global", "shared", "shared::cta", "shared::cluster", "local",
                              "param", "param::entry", "param::func", "const"})) {
    case 0:
    case 8:
      return AddressKind::global;
    case 1:
    case 2:
      return AddressKind::shared;
    case 3:
      return AddressKind::shared_cluster;
    case 4:
      return AddressKind::local;
    case 5:
    case 6:
    case 7:
      return AddressKind::parameter;
    default:
      return AddressKind::generic;
  }
}

InstructionClass class_of(AddressKind space, bool is_store) {
  switch (space) {
    case AddressKind::generic:
    case AddressKind::global:
      return is_store ? InstructionClass::store_global : InstructionClass::load_global;
    case AddressKind::shared:
    case AddressKind::shared_cluster:
      return is_store ? InstructionClass::store_shared : InstructionClass::load_shared;
    default:
      return InstructionClass::load_store_other;
  }
}

// The data registers: their refs, and whether rows of 8 bytes hold narrower elements.
std::uint8_t data_rows(Decoder& decoder, const ptx::Operand& data, Type type, bool is_store,
                       std::vector<Ref>& refs) {
  const auto parts = decoder.elements(data);
  const bool wide = ptx::size_bytes(type) < 8 &&
                    std::any_of(parts.begin(), parts.end(), [&](const ptx::Operand* part) {
                      return decoder.row_bytes(*part) == 8;
                    });
  const bool half = std::any_of(parts.begin(), parts.end(), [&](const ptx::Operand* part) {
    return ptx::size_bytes(decoder.register_type(*part)) == 2;
  });
  for (const auto* part : parts) {
    if (!is_store) {
      refs.push_back(decoder.destination(*part));
    } else if (std::holds_alternative<ptx::RegisterOperand>(part->value)) {
      refs.push_back(decoder.source(*part, type));
    } else {
      refs.push_back(decoder.source(*part, wide ? Type::b64 : type));
    }
  }
  const Type signed_types[] = {Type::s8, Type::s16, Type::s32};
  const bool sign = !is_store && std::find(std::begin(signed_types), std::end(signed_types),
                                           type) != std::end(signed_types);
  return static_cast<std::uint8_t>((wide ? memory_mode::kWideRegisters : 0) |
                                   (half ? memory_mode::kHalfRegisters : 0) |
                                   (sign ? memory_mode::kSignExtend : 0));
}

void load_or_store(Decoder& decoder, bool is_store) {
  Modifiers& modifiers = decoder.modifiers();
  Ordering ordering = take_semantics(modifiers);
  const AddressKind space = take_space(modifiers);
  if (modifiers.take_any({"cv", "wt"}) >= 0) {
    ordering = {check::Semantics::relaxed, check::Scope::system};  // past all caches
  }
  take_cache_hints(modifiers);
  modifiers.take_any({"v2", "v4", "v8"});
  const Type type = modifiers.take_type();
  const auto& data = decoder.operand(is_store ? 1 : 0);
  const auto& target = decoder.operand(is_store ? 0 : 1);
  if (ptx::size_bytes(type) == 0) {
    decoder.refuse("this type is not supported");
  }
  if (!is_store && ordering.semantics == check::Semantics::weak && decoder.is_compared(data)) {
    ordering = {check::Semantics::relaxed, check::Scope::system};
  }
  std::vector<Ref> refs;
  const std::uint8_t mode = data_rows(decoder, data, type, is_store, refs);
  const std::uint32_t list = decoder.add_refs(refs);
  const auto* address = std::get_if<ptx::AddressOperand>(&target.value);
  const FrameVariable* variable = space == AddressKind::parameter && address != nullptr
                                      ? decoder.frame_variable(address->symbol)
                                      : nullptr;
  Handler handler = is_store ? store : load;
  if (variable != nullptr) {
    handler = is_store ? store_frame : load_frame;
  }
  Op& op = decoder.emit(handler, class_of(space, is_store));
  op.mode = mode;
  op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  set_ordering(op, ordering);
  if (variable != nullptr) {
    op.a = variable->offset;
    op.c = variable->stride;
    op.immediate = address->offset;
    op.space = static_cast<std::uint8_t>(AddressKind::frame);
    if (address->offset < 0 ||
        static_cast<std::uint64_t>(address->offset) + op.size * refs.size() > variable->stride) {
      decoder.refuse("the access is outside the parameter");
    }
    return;
  }
  decoder.address(op, target, space);
}
void ld(Decoder& decoder) {
  load_or_store(decoder, false);
}
// st.bulk [a], size, 0
void fill(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("weak");
  const bool shared = modifiers.take_any({"shared", "shared::cta"}) >= 0;
  const Ref size = decoder.source(1, Type::u64);
  const std::uint32_t size_bytes = decoder.row_bytes(decoder.operand(1));
  Op& op = decoder.emit(fill_shared, InstructionClass::store_shared);
  op.b = size;
  op.size = static_cast<std::uint8_t>(size_bytes == 0 ? 8 : size_bytes);
  decoder.address(op, decoder.operand(0), shared ? AddressKind::shared : AddressKind::generic);
}
void st(Decoder& decoder) {
  if (decoder.modifiers().take("async") && is_asynchronous_on_barrier(decoder.modifiers())) {
    asynchronous_store(decoder, false);
    return;
  }
  if (decoder.modifiers().take("bulk")) {
    fill(decoder);
    return;
  }
  load_or_store(decoder, true);
}

void atomic(Decoder& decoder, bool has_result) {
  Modifiers& modifiers = decoder.modifiers();
  if (modifiers.take("async") && is_asynchronous_on_barrier(modifiers)) {
    asynchronous_store(decoder, true);
    return;
  }
  Ordering ordering = take_semantics(modifiers);
  if (ordering.semantics == check::Semantics::weak) {
    ordering.semantics = check::Semantics::relaxed;
  }
  const AddressKind space = take_space(modifiers);
  const int kind =
      modifiers.take_any({"add", "exch", "cas", "min", "max", "inc", "dec", "and", "or", "xor"});
  modifiers.take("noftz");
  take_cache_hints(modifiers);
  modifiers.take_any({"v2", "v4", "v8"});
  const Type type = modifiers.take_type();
  if (kind < 0) {
    decoder.refuse("no operation");
  }
  const std::size_t first = has_result ? 1 : 0;
  const auto op_kind = static_cast<AtomicOp>(kind);
  const auto values = decoder.elements(decoder.operand(first + 1));
  const auto results = decoder.elements(decoder.operand(0));
  // A vector is atomic element by element (PTX ISA 9.0, section 9.7.13.5).
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Ref b = decoder.source(*values[i], type);
    const Ref c = op_kind == AtomicOp::cas ? decoder.source(first + 2, type) : kNoRef;
    Op& op = decoder.emit(atomic_handler(op_kind, type), InstructionClass::atomic);
    op.dst = has_result ? decoder.destination(*results[std::min(i, results.size() - 1)]) : kNoRef;
    op.b = b;
    op.c = c;
    op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
    set_ordering(op, ordering);
    // atom.exch does not care what was there before.
    op.flags |= op_kind == AtomicOp::exch ? op_flags::kOverwrites : 0;
    op.expansion = i != 0;
    decoder.address(op, decoder.operand(first), space);
    op.immediate += static_cast<std::int64_t>(i * ptx::size_bytes(type));
  }
}
void atom(Decoder& decoder) {
  atomic(decoder, true);
}
void red(Decoder& decoder) {
  atomic(decoder, false);
}

std::int64_t literal(Decoder& decoder, std::size_t index) {
  const auto* value = std::get_if<ptx::IntegerLiteral>(&decoder.operand(index).value);
  if (value == nullptr) {
    decoder.refuse("an immediate is expected");
  }
  return value->value;
}

void copy(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool is_reduction = modifiers.take("reduce");
  modifiers.take("async");
  if (modifiers.take("bulk")) {
    copy_bulk(decoder, is_reduction);
    return;
  }
  if (modifiers.take("mbarrier")) {
    copy_async_mbarrier(decoder);
    return;
  }
  constexpr auto kClass = InstructionClass::async_copy;
  if (modifiers.take("commit_group")) {
    decoder.emit(copy_async_commit, kClass);
    return;
  }
  if (modifiers.take("wait_all")) {
    decoder.emit(copy_async_wait, kClass).immediate = -1;
    return;
  }
  if (modifiers.take("wait_group")) {
    decoder.emit(copy_async_wait, kClass).immediate = literal(decoder, 0);
    return;
  }
  const bool shared = modifiers.take_any({"shared", "shared::cta"}) >= 0;
  if (!shared || !modifiers.take("global")) {
    decoder.refuse("cp.async copies from global to shared memory");
  }
  take_cache_hints(modifiers);
  const std::int64_t bytes = literal(decoder, 2);
  Ref source_size = kNoRef;
  Ref ignore = kNoRef;
  if (decoder.operand_count() > 3) {
    const auto& extra = decoder.operand(3);
    if (decoder.register_type(extra) == Type::pred) {
      ignore = decoder.source_predicate(extra);
    } else if (decoder.row_bytes(extra) != 8) {
      source_size = decoder.source(extra, Type::u32);  // a 64-bit register is a cache policy
    }
  }
  Op target;
  decoder.address(target, decoder.operand(0), AddressKind::shared);
  Op& op = decoder.emit(copy_async, kClass);
  op.size = static_cast<std::uint8_t>(bytes);
  op.b = source_size;
  op.c = ignore;
  decoder.address(op, decoder.operand(1), AddressKind::global);
  op.dst = target.a;
  op.d = static_cast<std::uint32_t>(target.immediate);
  op.mode = static_cast<std::uint8_t>(op.mode |
                                      ((target.mode & memory_mode::kWideAddress) != 0 ? 0x40 : 0));
}

void take_everything(Decoder& decoder) {
  while (decoder.modifiers().take_prefix("")) {
  }
}

// fence.proxy.tensormap::generic.release, and .acquire [map], 128.
void tensor_map_fence(Decoder& decoder) {
  const bool acquires = decoder.modifiers().take_any({"release", "acquire"}) == 1;
  const int scope = decoder.modifiers().take_any({"cta", "cluster", "gpu", "sys"});
  Op& op = decoder.emit(fence_tensor_map, InstructionClass::other);
  op.c = acquires ? 1 : 0;
  op.d = static_cast<std::uint32_t>(std::min(scope, 2));
  if (acquires) {
    decoder.address(op, decoder.operand(0), AddressKind::generic);
  }
}

// Warps run one instruction at a time and all see one memory: fences matter to the checks alone.
void fence(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool is_proxy = modifiers.take_prefix("proxy");
  if (is_proxy && modifiers.take("tensormap::generic")) {
    tensor_map_fence(decoder);
    return;
  }
  const check::Scope scope = take_scope(modifiers, check::Scope::device);
  // fence.proxy.async makes generic writes visible to asynchronous operations, of all memory or of
  // what it names.
  const bool is_async = is_proxy && modifiers.take("async");
  decoder.out().has_proxy_fence |= is_async;
  const bool is_global = modifiers.take("global");
  const bool is_shared = modifiers.take_any({"shared::cta", "shared::cluster"}) >= 0;
  const bool is_of_inits = modifiers.take("mbarrier_init");
  take_everything(decoder);
  Op& op = decoder.emit(is_async      ? fence_proxy
                        : is_proxy    ? no_operation
                        : is_of_inits ? fence_mbarrier_init
                                      : fence_memory,
                        InstructionClass::other);
  op.scope = static_cast<std::uint8_t>(scope);
  op.mode = static_cast<std::uint8_t>(is_async ? (is_global ? 0 : 1) | (is_shared ? 0 : 2) : 0);
}

// Hints that move no data.
void hint(Decoder& decoder) {
  take_everything(decoder);
  decoder.emit(no_operation, InstructionClass::load_store_other);
}

void createpolicy(Decoder& decoder) {
  take_everything(decoder);
  const Ref zero = decoder.constant(0, 8);
  Op& op = decoder.emit(lane_ops().bits(BitOp::move, Type::b64), InstructionClass::other);
  op.dst = decoder.destination(0);
  op.a = zero;
}

}  // namespace

void add_memory(DecodeTable& table) {
  table["ld"] = ld;
  table["ldu"] = ld;
  table["st"] = st;
  table["atom"] = atom;
  table["red"] = red;
  table["cp"] = copy;
  table["membar"] = fence;
  table["fence"] = fence;
  table["prefetch"] = hint;
  table["prefetchu"] = hint;
  table["applypriority"] = hint;
  table["discard"] = hint;
  table["createpolicy"] = createpolicy;
}

}  // namespace rackproof::emulator::exec
