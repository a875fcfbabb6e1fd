// The mbarrier family and cp.async.mbarrier.arrive.
#include "emulator/check/cta_checker.hpp"
#include "emulator/exec/decoder.hpp"

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

constexpr auto kClass = InstructionClass::barrier;

AddressKind take_space(Decoder& decoder) {
  if (decoder.modifiers().take("shared::cluster")) {
    return AddressKind::shared_cluster;
  }
  return decoder.modifiers().take_any({"shared", "shared::cta"}) >= 0 ? AddressKind::shared
                                                                      : AddressKind::generic;
}

void take_order(Modifiers& modifiers) {
  modifiers.take_any({"release", "acquire", "relaxed"});
  modifiers.take_any({"cta", "cluster"});
}

Op& emit_on_object(Decoder& decoder, Handler handler, std::size_t address, std::uint8_t mode) {
  Modifiers& modifiers = decoder.modifiers();
  take_order(modifiers);
  const AddressKind space = take_space(decoder);
  (void)modifiers.take_type();
  Op& op = decoder.emit(handler, kClass);
  op.semantics = static_cast<std::uint8_t>(check::Semantics::acq_rel);
  op.scope = static_cast<std::uint8_t>(check::Scope::device);  // other CTAs of the cluster included
  op.mode = mode;
  if (handler != mbarrier_arrive && handler != mbarrier_transactions) {
    op.mode |= kMbarrierLocal;
  }
  op.flags = op_flags::kSynchronising;
  op.size = 8;
  decoder.address(op, decoder.operand(address), space);
  return op;
}

void arrive(Decoder& decoder, bool drops) {
  Modifiers& modifiers = decoder.modifiers();
  const bool transactions = modifiers.take("expect_tx");
  const bool open = modifiers.take("noComplete");
  const MbarrierArrival kind =
      transactions ? (drops ? MbarrierArrival::drop_expect_tx : MbarrierArrival::expect_tx)
      : open       ? (drops ? MbarrierArrival::drop_no_complete : MbarrierArrival::no_complete)
      : drops      ? MbarrierArrival::drop
                   : MbarrierArrival::arrive;
  const Ref count = decoder.operand_count() > 2 ? decoder.source(2, Type::u32) : kNoRef;
  Op& op = emit_on_object(decoder, mbarrier_arrive, 1, static_cast<std::uint8_t>(kind));
  op.dst = decoder.destination(0);
  op.b = count;
}

void test(Decoder& decoder, bool blocking) {
  const bool parity = decoder.modifiers().take("parity");
  const Ref phase = decoder.source(2, parity ? Type::u32 : Type::b64);
  Op& op = emit_on_object(decoder, mbarrier_test, 1,
                          static_cast<std::uint8_t>((parity ? kMbarrierParity : 0) |
                                                    (blocking ? kMbarrierBlocking : 0)));
  op.dst = decoder.destination(0);
  op.b = phase;
}

void mbarrier(Decoder& decoder) {
  // "arrive" before "expect_tx", which is a modifier of it too.
  switch (decoder.modifiers().take_any({"init", "inval", "arrive", "arrive_drop", "expect_tx",
                                        "complete_tx", "test_wait", "try_wait", "pending_count"})) {
    case 0: {
      const Ref count = decoder.source(1, Type::u32);
      emit_on_object(decoder, mbarrier_init, 0, 0).b = count;
      break;
    }
    case 1:
      emit_on_object(decoder, mbarrier_invalidate, 0, 0);
      break;
    case 2:
      arrive(decoder, false);
      break;
    case 3:
      arrive(decoder, true);
      break;
    case 4: {
      const Ref count = decoder.source(1, Type::u32);
      emit_on_object(decoder, mbarrier_transactions, 0, 0).b = count;
      break;
    }
    case 5: {
      const Ref count = decoder.source(1, Type::u32);
      emit_on_object(decoder, mbarrier_transactions, 0, 1).b = count;
      break;
    }
    case 6:
      test(decoder, false);
      break;
    case 7:
      test(decoder, true);
      break;
    case 8: {
      (void)decoder.modifiers().take_type();
      const Ref state = decoder.source(1, Type::b64);
      Op& op = decoder.emit(mbarrier_pending, kClass);
      op.dst = decoder.destination(0);
      op.a = state;
      break;
    }
    default:
      decoder.refuse("no operation");
  }
}

}  // namespace

void copy_async_mbarrier(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  modifiers.take("arrive");
  const bool counted = modifiers.take("noinc");
  emit_on_object(decoder, copy_async_arrive, 0, counted ? 1 : 0);
}

void add_mbarrier(DecodeTable& table) {
  table["mbarrier"] = mbarrier;
}

}  // namespace rackproof::emulator::exec
