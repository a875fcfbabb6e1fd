// cp.async.bulk and cp.async.bulk.tensor in all forms, st.async, red.async.
#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/bulk_op.hpp"
#include "emulator/exec/decoder.hpp"

#include <algorithm>
#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kClass = InstructionClass::async_copy;

AddressSource address_source(Decoder& decoder, const ptx::Operand& operand, AddressKind space) {
  Op place;
  decoder.address(place, operand, space);
  return {place.a, place.immediate, (place.mode & memory_mode::kWideAddress) != 0};
}

bool takes_offsets(BulkOp::Mode mode) {
  return mode == BulkOp::Mode::im2col || mode == BulkOp::Mode::im2col_w ||
         mode == BulkOp::Mode::im2col_w_128;
}

// The tensor map, coordinates and im2col offsets of [map, {c0, c1}, {o0}].
void read_tensor(Decoder& decoder, std::size_t index, std::size_t offsets_at, BulkOp& bulk) {
  const auto* tensor = std::get_if<ptx::TensorAddressOperand>(&decoder.operand(index).value);
  if (tensor == nullptr || tensor->parts.size() < 2) {
    decoder.refuse("a tensor map and its coordinates are expected");
  }
  bulk.map = address_source(decoder, tensor->parts[0], AddressKind::generic);
  const auto coordinates = decoder.elements(tensor->parts[1]);
  for (std::size_t i = 0; i < std::min<std::size_t>(coordinates.size(), 5); ++i) {
    bulk.coordinates[i] = decoder.source(*coordinates[i], Type::s32);
  }
  const bool scatters = bulk.mode == BulkOp::Mode::gather4 || bulk.mode == BulkOp::Mode::scatter4;
  if (coordinates.size() != (scatters ? 5U : bulk.dimensions)) {
    decoder.refuse("the number of coordinates does not fit");
  }
  if (!takes_offsets(bulk.mode) || offsets_at == 0) {
    return;
  }
  const auto offsets = decoder.elements(decoder.operand(offsets_at));
  const std::size_t wanted = bulk.mode == BulkOp::Mode::im2col ? bulk.dimensions - 2U : 2U;
  if (offsets.size() != wanted) {
    decoder.refuse("the number of im2col offsets does not fit");
  }
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    bulk.offsets[i] = decoder.source(*offsets[i], Type::u16);
  }
}

void finish(Decoder& decoder, BulkOp bulk) {
  decoder.out().bulk.push_back(bulk);
  Op& op = decoder.emit(bulk_copy, kClass);
  op.immediate = static_cast<std::int64_t>(decoder.out().bulk.size() - 1);
}

BulkOp::Mode take_mode(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  switch (modifiers.take_any({"tile::gather4", "tile::scatter4", "im2col", "im2col_no_offs",
                              "im2col::w", "im2col::w::128"})) {
    case 0:
      return BulkOp::Mode::gather4;
    case 1:
      return BulkOp::Mode::scatter4;
    case 2:
    case 3:
      return BulkOp::Mode::im2col;
    case 4:
      return BulkOp::Mode::im2col_w;
    case 5:
      return BulkOp::Mode::im2col_w_128;
    default:
      modifiers.take("tile");
      return BulkOp::Mode::tile;
  }
}

// Sets the direction, and takes what follows from it.
void take_direction(Modifiers& modifiers, BulkOp& bulk) {
  if (modifiers.take("L2")) {
    bulk.direction = BulkOp::Direction::prefetch;
    modifiers.take("global");
    return;
  }
  // The destination comes first.
  const std::string_view to = modifiers.take_first([](std::string_view name) {
    return name == "global" || name == "shared::cta" || name == "shared::cluster";
  });
  const std::string_view from = modifiers.take_first(
      [](std::string_view name) { return name == "global" || name == "shared::cta"; });
  bulk.direction = to == "global"     ? BulkOp::Direction::shared_to_global
                   : from == "global" ? BulkOp::Direction::global_to_shared
                                      : BulkOp::Direction::shared_to_shared;
  bulk.is_own_shared = to == "shared::cta";
}

void take_reduction(Modifiers& modifiers, BulkOp& bulk) {
  constexpr AtomicOp kOperations[] = {AtomicOp::add, AtomicOp::min,  AtomicOp::max, AtomicOp::inc,
                                      AtomicOp::dec, AtomicOp::and_, AtomicOp::or_, AtomicOp::xor_};
  const int kind = modifiers.take_any({"add", "min", "max", "inc", "dec", "and", "or", "xor"});
  bulk.reduction = kOperations[std::max(kind, 0)];
  modifiers.take("noftz");
}

void tensor_copy(Decoder& decoder, BulkOp bulk) {
  Modifiers& modifiers = decoder.modifiers();
  for (std::uint8_t i = 1; i <= 5; ++i) {
    if (modifiers.take(std::to_string(i) + "d")) {
      bulk.dimensions = i;
    }
  }
  if (bulk.is_reduction) {
    take_reduction(modifiers, bulk);
  }
  take_direction(modifiers, bulk);
  bulk.mode = take_mode(decoder);
  const int group = modifiers.take_any({"cta_group::1", "cta_group::2"});
  bulk.cta_group = static_cast<std::uint8_t>(group + 1);
  const bool multicast = modifiers.take("multicast::cluster");
  const bool hinted = modifiers.take("L2::cache_hint");
  modifiers.take("bulk_group");
  modifiers.take("mbarrier::complete_tx::bytes");
  const bool has_offsets = takes_offsets(bulk.mode);
  const std::size_t extra = (multicast ? 1U : 0U) + (hinted ? 1U : 0U);
  switch (bulk.direction) {
    case BulkOp::Direction::global_to_shared: {
      const std::size_t offsets_at =
          has_offsets && decoder.operand_count() > 3 + extra ? std::size_t{3} : 0;
      bulk.destination = address_source(decoder, decoder.operand(0), AddressKind::shared_cluster);
      bulk.barrier = address_source(decoder, decoder.operand(2), AddressKind::shared_cluster);
      read_tensor(decoder, 1, offsets_at, bulk);
      if (multicast) {
        bulk.cta_mask = decoder.source(offsets_at == 0 ? 3 : 4, Type::u16);
      }
      break;
    }
    case BulkOp::Direction::shared_to_global:
      read_tensor(decoder, 0, 0, bulk);
      bulk.source = address_source(decoder, decoder.operand(1), AddressKind::shared);
      break;
    default:
      read_tensor(decoder, 0, has_offsets && decoder.operand_count() > 1 + extra ? 1 : 0, bulk);
      break;
  }
  finish(decoder, bulk);
}

void linear_copy(Decoder& decoder, BulkOp bulk) {
  Modifiers& modifiers = decoder.modifiers();
  take_direction(modifiers, bulk);
  modifiers.take("L2::cache_hint");
  const bool multicast = modifiers.take("multicast::cluster");
  const bool masked = modifiers.take("cp_mask");
  modifiers.take("bulk_group");
  modifiers.take("mbarrier::complete_tx::bytes");
  if (bulk.is_reduction) {
    take_reduction(modifiers, bulk);
    bulk.type = modifiers.take_type();
  }
  if (bulk.direction == BulkOp::Direction::prefetch) {
    bulk.source = address_source(decoder, decoder.operand(0), AddressKind::global);
    bulk.size = decoder.source(1, Type::u32);
    finish(decoder, bulk);
    return;
  }
  const bool to_global = bulk.direction == BulkOp::Direction::shared_to_global;
  const bool from_global = bulk.direction == BulkOp::Direction::global_to_shared;
  bulk.destination = address_source(decoder, decoder.operand(0),
                                    to_global ? AddressKind::global : AddressKind::shared_cluster);
  bulk.source = address_source(decoder, decoder.operand(1),
                               from_global ? AddressKind::global : AddressKind::shared);
  bulk.size = decoder.source(2, Type::u32);
  if (!to_global) {
    bulk.barrier = address_source(decoder, decoder.operand(3), AddressKind::shared_cluster);
    if (multicast) {
      bulk.cta_mask = decoder.source(4, Type::u16);
    }
  } else if (masked) {
    bulk.byte_mask = decoder.source(decoder.operand_count() - 1, Type::u16);
  }
  finish(decoder, bulk);
}

}  // namespace

void copy_bulk(Decoder& decoder, bool is_reduction) {
  Modifiers& modifiers = decoder.modifiers();
  if (modifiers.take("commit_group")) {
    decoder.emit(bulk_commit, kClass);
    return;
  }
  if (modifiers.take("wait_group")) {
    const bool reads_only = modifiers.take("read");
    const auto* groups = std::get_if<ptx::IntegerLiteral>(&decoder.operand(0).value);
    if (groups == nullptr) {
      decoder.refuse("an immediate is expected");
    }
    Op& op = decoder.emit(bulk_wait, kClass);
    op.immediate = groups->value;
    op.mode = reads_only ? 1 : 0;
    return;
  }
  modifiers.take("prefetch");
  BulkOp bulk;
  bulk.is_reduction = is_reduction;
  if (modifiers.take("tensor")) {
    tensor_copy(decoder, bulk);
  } else {
    linear_copy(decoder, bulk);
  }
}

void asynchronous_store(Decoder& decoder, bool is_reduction) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("weak");
  modifiers.take("relaxed");
  modifiers.take("cluster");
  modifiers.take_any({"shared::cluster", "shared::cta"});
  const int kind =
      modifiers.take_any({"add", "exch", "cas", "min", "max", "inc", "dec", "and", "or", "xor"});
  modifiers.take_any({"v2", "v4"});
  const Type type = modifiers.take_type();
  std::vector<Ref> refs;
  for (const ptx::Operand* value : decoder.elements(decoder.operand(1))) {
    refs.push_back(decoder.source(*value, type));
  }
  const AddressSource barrier =
      address_source(decoder, decoder.operand(2), AddressKind::shared_cluster);
  const std::uint32_t list = decoder.add_refs(refs);
  Op& op = decoder.emit(store_async, kClass);
  decoder.address(op, decoder.operand(0), AddressKind::shared_cluster);
  op.list = list;
  op.list_size = static_cast<std::uint8_t>(refs.size());
  op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
  op.b = barrier.base;
  op.d = static_cast<std::uint32_t>(barrier.offset);
  op.mode |= barrier.is_wide ? 1 : 0;
  op.c = is_reduction ? static_cast<std::uint32_t>(kind) + 1 : 0;
  op.flags |= type == Type::s32 || type == Type::s64 ? op_flags::kRelu : 0;
}

}  // namespace rackproof::emulator::exec
