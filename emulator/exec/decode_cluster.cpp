// Clusters: barrier.cluster, mapa, getctarank.
#include "emulator/exec/decoder.hpp"

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

// The address is read as b32 or b64; an own variable may stand for it.
template <Handler kHandler>
void on_address(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool is_shared = modifiers.take("shared::cluster");
  const Type type = modifiers.take_type();
  const Ref a = decoder.source(1, type);
  const Ref b = decoder.operand_count() > 2 ? decoder.source(2, Type::u32) : kNoRef;
  Op& op = decoder.emit(kHandler, InstructionClass::other);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.size = static_cast<std::uint8_t>(ptx::size_bytes(type));
  op.space =
      static_cast<std::uint8_t>(is_shared ? AddressKind::shared_cluster : AddressKind::generic);
}

}  // namespace

void cluster_barrier(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  const bool arrives = modifiers.take("arrive");
  modifiers.take("wait");
  modifiers.take_any({"acquire", "release"});
  const bool is_relaxed = modifiers.take("relaxed");
  modifiers.take("aligned");
  Op& op = decoder.emit(arrives ? cluster_arrive : cluster_wait, InstructionClass::barrier);
  op.mode = is_relaxed ? 1 : 0;
}

void add_cluster(DecodeTable& table) {
  table["mapa"] = on_address<map_address>;
  table["getctarank"] = on_address<rank_of_address>;
}

}  // namespace rackproof::emulator::exec
