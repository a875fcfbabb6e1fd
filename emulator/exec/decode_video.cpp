// Video instructions.
#include "emulator/exec/decoder.hpp"

#include <variant>

namespace rackproof::emulator::exec {
namespace {

using ptx::Type;

VideoOp::Part part_of(const ptx::Operand& operand) {
  const auto* reg = std::get_if<ptx::RegisterOperand>(&operand.value);
  if (reg == nullptr || reg->selector.size() != 2) {
    return {};
  }
  const auto index = static_cast<std::uint32_t>(reg->selector[1] - '0');
  return reg->selector[0] == 'b' ? VideoOp::Part{8 * index, 8} : VideoOp::Part{16 * index, 16};
}

template <VideoOp::Kind kKind, std::uint32_t kLaneBits>
void video_(Decoder& decoder) {
  Modifiers& modifiers = decoder.modifiers();
  VideoOp what;
  what.kind = kKind;
  what.lane_bits = kLaneBits;
  // The comparison of vset before its second operation, which has other names.
  if (kKind == VideoOp::Kind::set) {
    what.comparison =
        static_cast<VideoOp::Comparison>(modifiers.take_any({"eq", "ne", "lt", "le", "gt", "ge"}));
  } else {
    what.signed_d = modifiers.take_type() == Type::s32;
  }
  what.signed_a = modifiers.take_type() == Type::s32;
  what.signed_b = modifiers.take_type() == Type::s32;
  what.saturates = modifiers.take("sat");
  what.wraps = modifiers.take_any({"clamp", "wrap"}) == 1;
  what.plus_one = modifiers.take("po");
  const int scale = modifiers.take_any({"shr7", "shr15"});
  what.scale = scale < 0 ? 0 : scale == 0 ? 7 : 15;
  what.second = static_cast<VideoOp::Second>(modifiers.take_any({"add", "min", "max"}) + 1);
  what.d = part_of(decoder.operand(0));
  what.a = part_of(decoder.operand(1));
  what.b = part_of(decoder.operand(2));
  const Ref a = decoder.source(1, Type::u32);
  const Ref b = decoder.source(2, Type::u32);
  const Ref c = decoder.operand_count() > 3 ? decoder.source(3, Type::u32) : kNoRef;
  Op& op = decoder.emit(video, InstructionClass::integer);
  op.dst = decoder.destination(0);
  op.a = a;
  op.b = b;
  op.c = c;
  op.list = static_cast<std::uint32_t>(decoder.out().video.size());
  decoder.out().video.push_back(what);
}

}  // namespace

void add_video(DecodeTable& table) {
  using Kind = VideoOp::Kind;
  table["vadd"] = video_<Kind::add, 32>;
  table["vsub"] = video_<Kind::sub, 32>;
  table["vabsdiff"] = video_<Kind::absdiff, 32>;
  table["vmin"] = video_<Kind::min, 32>;
  table["vmax"] = video_<Kind::max, 32>;
  table["vshl"] = video_<Kind::shl, 32>;
  table["vshr"] = video_<Kind::shr, 32>;
  table["vmad"] = video_<Kind::mad, 32>;
  table["vset"] = video_<Kind::set, 32>;
  table["vadd2"] = video_<Kind::add, 16>;
  table["vsub2"] = video_<Kind::sub, 16>;
  table["vabsdiff2"] = video_<Kind::absdiff, 16>;
  table["vmin2"] = video_<Kind::min, 16>;
  table["vmax2"] = video_<Kind::max, 16>;
  table["vavrg2"] = video_<Kind::average, 16>;
  table["vset2"] = video_<Kind::set, 16>;
  table["vadd4"] = video_<Kind::add, 8>;
  table["vsub4"] = video_<Kind::sub, 8>;
  table["vabsdiff4"] = video_<Kind::absdiff, 8>;
  table["vmin4"] = video_<Kind::min, 8>;
  table["vmax4"] = video_<Kind::max, 8>;
  table["vavrg4"] = video_<Kind::average, 8>;
  table["vset4"] = video_<Kind::set, 8>;
}

}  // namespace rackproof::emulator::exec
