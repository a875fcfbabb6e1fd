// Video instructions (PTX ISA 9.0, section 9.7.18) and cvt.pack (9.7.9.23).
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/video_op.hpp"
#include "emulator/exec/warp.hpp"

#include <algorithm>
#include <cstdlib>

namespace rackproof::emulator::exec {
namespace {

std::int64_t clamp(std::int64_t value, bool is_signed, std::uint32_t bits) {
  const std::int64_t low = is_signed ? -(std::int64_t{1} << (bits - 1)) : 0;
  const std::int64_t high = (std::int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
  return std::clamp(value, low, high);
}

// `bits` of a word from bit `shift` on.
std::int64_t part(std::uint32_t word, std::uint32_t shift, std::uint32_t bits, bool is_signed) {
  const std::uint32_t top = word >> shift << (32 - bits);
  return is_signed ? static_cast<std::int32_t>(top) >> (32 - bits)
                   : static_cast<std::int64_t>(top >> (32 - bits));
}

bool compare(VideoOp::Comparison comparison, std::int64_t x, std::int64_t y) {
  switch (comparison) {
    case VideoOp::Comparison::eq:
      return x == y;
    case VideoOp::Comparison::ne:
      return x != y;
    case VideoOp::Comparison::lt:
      return x < y;
    case VideoOp::Comparison::le:
      return x <= y;
    case VideoOp::Comparison::gt:
      return x > y;
    default:
      return x >= y;
  }
}

std::int64_t combine(const VideoOp& op, std::int64_t x, std::int64_t y) {
  switch (op.kind) {
    case VideoOp::Kind::add:
      return x + y;
    case VideoOp::Kind::sub:
      return x - y;
    case VideoOp::Kind::absdiff:
      return std::llabs(x - y);
    case VideoOp::Kind::min:
      return std::min(x, y);
    case VideoOp::Kind::max:
      return std::max(x, y);
    case VideoOp::Kind::average:
      return x + y >= 0 ? (x + y + 1) >> 1 : (x + y) >> 1;
    case VideoOp::Kind::shl:
    case VideoOp::Kind::shr: {
      const std::int64_t amount = op.wraps ? y & 31 : std::min<std::int64_t>(y, 32);
      // Left shifts work on the bits: negative numbers have no defined product here otherwise.
      return op.kind == VideoOp::Kind::shr
                 ? x >> amount
                 : static_cast<std::int64_t>(static_cast<std::uint64_t>(x) << amount);
    }
    default:
      return compare(op.comparison, x, y) ? 1 : 0;
  }
}

std::uint32_t scalar(const VideoOp& op, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  const std::int64_t x = part(a, op.a.shift, op.a.bits, op.signed_a);
  const std::int64_t y = part(b, op.b.shift, op.b.bits, op.signed_b);
  if (op.kind == VideoOp::Kind::mad) {
    const bool is_signed = op.signed_a || op.signed_b;
    // Products of 32-bit numbers with an addend: 66 bits.
    const __int128 addend = is_signed ? static_cast<std::int32_t>(c) : static_cast<__int128>(c);
    const __int128 sum = static_cast<__int128>(x) * y + addend + (op.plus_one ? 1 : 0);
    const auto result = static_cast<std::int64_t>(sum >> op.scale);
    if (!op.saturates) {
      return static_cast<std::uint32_t>(result);
    }
    const __int128 scaled = sum >> op.scale;
    constexpr __int128 kEdge = static_cast<__int128>(1) << 62;
    const auto bounded = static_cast<std::int64_t>(std::clamp(scaled, -kEdge, kEdge));
    return static_cast<std::uint32_t>(clamp(bounded, is_signed, 32));
  }
  std::int64_t value = combine(op, x, y);
  if (op.saturates) {
    value = clamp(value, op.signed_d, op.d.bits);
  }
  switch (op.second) {
    case VideoOp::Second::add:
      return static_cast<std::uint32_t>(value) + c;
    case VideoOp::Second::min:
    case VideoOp::Second::max: {
      const auto word = static_cast<std::uint32_t>(value);
      const bool less =
          op.signed_d ? static_cast<std::int32_t>(word) < static_cast<std::int32_t>(c) : word < c;
      return (op.second == VideoOp::Second::min) == less ? word : c;
    }
    default:
      break;
  }
  if (op.d.bits == 32) {
    return static_cast<std::uint32_t>(value);
  }
  const std::uint32_t mask = ((1U << op.d.bits) - 1) << op.d.shift;
  return (c & ~mask) | (static_cast<std::uint32_t>(value) << op.d.shift & mask);
}

std::uint32_t packed(const VideoOp& op, std::uint32_t a, std::uint32_t b, std::uint32_t c) {
  std::uint32_t result = 0;
  std::int64_t total = 0;
  for (std::uint32_t shift = 0; shift < 32; shift += op.lane_bits) {
    std::int64_t value = combine(op, part(a, shift, op.lane_bits, op.signed_a),
                                 part(b, shift, op.lane_bits, op.signed_b));
    if (op.saturates) {
      value = clamp(value, op.signed_d, op.lane_bits);
    }
    total += value;
    result |= (static_cast<std::uint32_t>(value) & ((1U << op.lane_bits) - 1)) << shift;
  }
  return op.second == VideoOp::Second::add ? static_cast<std::uint32_t>(total) + c : result;
}

}  // namespace

void video(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const VideoOp& what = static_cast<Warp&>(lanes).kernel().video[op.list];
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  const auto* const a = register_row<std::uint32_t>(lanes, op.a);
  const auto* const b = register_row<std::uint32_t>(lanes, op.b);
  const auto* const c = op.c == kNoRef ? nullptr : register_row<std::uint32_t>(lanes, op.c);
  for_each_lane(mask, [&](std::uint32_t lane) {
    const std::uint32_t third = c == nullptr ? 0 : c[lane];
    dst[lane] = what.lane_bits == 32 ? scalar(what, a[lane], b[lane], third)
                                     : packed(what, a[lane], b[lane], third);
  });
}

void convert_pack(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = register_row<std::uint32_t>(lanes, op.dst);
  const auto* const a = register_row<std::int32_t>(lanes, op.a);
  const auto* const b = register_row<std::int32_t>(lanes, op.b);
  const std::uint32_t bits = op.size;
  const std::uint32_t element = (1U << bits) - 1;
  for_each_lane(mask, [&](std::uint32_t lane) {
    const auto high = static_cast<std::uint32_t>(clamp(a[lane], op.mode != 0, bits)) & element;
    const auto low = static_cast<std::uint32_t>(clamp(b[lane], op.mode != 0, bits)) & element;
    const std::uint32_t pair = high << bits | low;
    dst[lane] =
        op.c == kNoRef ? pair : register_row<std::uint32_t>(lanes, op.c)[lane] << (2 * bits) | pair;
  });
}

}  // namespace rackproof::emulator::exec
