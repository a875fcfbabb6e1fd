#pragma once
/// Cuts the accesses of a warp instruction into pieces of shadow lines with regular lanes.

#include "emulator/check/access.hpp"
#include "emulator/check/line.hpp"

#include <bit>
#include <cstdint>

namespace rackproof::emulator::check {

/// Accesses of some lanes to one line. Units are words, or bytes of part `part` of the line.
struct Piece {
  std::uint64_t line = 0;  ///< address of the line: a multiple of kLineBytes
  std::uint32_t units = 0;
  std::uint32_t lane = 0;  ///< with `code`: see lane_code
  std::uint32_t code = 0;
  bool is_bytes = false;
  std::uint32_t part = 0;

  [[nodiscard]] std::uint64_t address_of(std::uint32_t unit) const {
    return is_bytes ? line + 32 * part + unit : line + 4 * unit;
  }
};

/// What a warp instruction touches: `bytes` (a power of two up to 32, aligned) for each lane.
struct Row {
  const std::uint64_t* addresses = nullptr;
  std::uint32_t lanes = 0;
  std::uint32_t bytes = 0;
  bool contiguous = false;  ///< all 32 lanes, one after the other
  bool uniform = false;     ///< all lanes the same
  bool apart = false;       ///< lanes with one address become pieces of their own

  /// Contiguous and uniform rows need no more than the first lane's address.
  [[nodiscard]] std::uint64_t address(std::uint32_t lane) const {
    return contiguous ? addresses[0] + std::uint64_t{lane} * bytes
           : uniform  ? addresses[std::countr_zero(lanes)]
                      : addresses[lane];
  }
};

[[nodiscard]] constexpr std::uint32_t unit_mask(std::uint32_t first, std::uint32_t count) {
  return (count >= 32 ? 0xffffffffU : (1U << count) - 1) << first;
}

/// Rows whose lanes are a power of two apart are one piece a line, with the code of that distance.
[[nodiscard]] inline std::uint32_t code_of_stride(const Row& row, unsigned unit_shift,
                                                  std::uint32_t code) {
  const std::uint32_t rest = row.lanes & (row.lanes - 1);
  if (rest == 0) {
    return code;
  }
  const int first = std::countr_zero(row.lanes);
  const int second = std::countr_zero(rest);
  const std::uint64_t bytes = row.addresses[second] - row.addresses[first];
  const auto lanes = static_cast<std::uint64_t>(second - first);
  const std::uint64_t units = bytes / lanes >> unit_shift;
  const bool is_regular = bytes == units * lanes << unit_shift && std::has_single_bit(units);
  const auto wanted = static_cast<std::uint32_t>(std::countr_zero(units));
  return is_regular && wanted > code && wanted < lane_code::kSingle ? wanted : code;
}

/// Calls visit(piece) until it returns false; false if it did.
template <class Visit>
bool for_each_piece(const Row& row, Visit&& visit) {
  const bool is_bytes = row.bytes < 4;
  const unsigned unit_shift = is_bytes ? 0 : 2;
  const std::uint64_t span = is_bytes ? 32 : kLineBytes;
  const auto code = static_cast<std::uint32_t>(std::countr_zero(row.bytes)) - unit_shift;
  Piece piece;
  piece.is_bytes = is_bytes;
  const auto place = [&](std::uint64_t base) {
    piece.line = base & ~std::uint64_t{kLineBytes - 1};
    piece.part = static_cast<std::uint32_t>(base - piece.line) / 32;
  };
  if (row.contiguous) {
    const std::uint64_t begin = row.addresses[0];
    const std::uint64_t end = begin + std::uint64_t{32} * row.bytes;
    piece.code = code;
    for (std::uint64_t base = begin & ~(span - 1); base < end; base += span) {
      const std::uint64_t from = base < begin ? begin : base;
      const std::uint64_t to = end < base + span ? end : base + span;
      place(base);
      piece.units = unit_mask(static_cast<std::uint32_t>((from - base) >> unit_shift),
                              static_cast<std::uint32_t>((to - from) >> unit_shift));
      piece.lane = static_cast<std::uint32_t>(static_cast<std::int64_t>(base - begin) >>
                                              (code + unit_shift)) &
                   31U;
      if (!visit(piece)) {
        return false;
      }
    }
    return true;
  }
  const std::uint32_t count = row.bytes >> unit_shift;
  if (row.uniform && !row.apart) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(row.lanes));
    const std::uint64_t address = row.addresses[lane];
    const std::uint64_t base = address & ~(span - 1);
    place(base);
    piece.units = unit_mask(static_cast<std::uint32_t>((address - base) >> unit_shift), count);
    piece.lane = lane;
    piece.code = (row.lanes & (row.lanes - 1)) == 0 ? lane_code::kSingle : lane_code::kSeveral;
    return visit(piece);
  }
  const std::uint32_t row_code = code_of_stride(row, unit_shift, code);
  std::uint64_t open = ~std::uint64_t{0};
  for (std::uint32_t rest = row.lanes; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    const std::uint64_t address = row.addresses[lane];
    const std::uint64_t base = address & ~(span - 1);
    const auto first = static_cast<std::uint32_t>((address - base) >> unit_shift);
    const std::uint32_t units = unit_mask(first, count);
    const std::uint32_t virtual_lane = (lane - (first >> row_code)) & 31U;
    if (base == open && piece.code == row_code && virtual_lane == piece.lane &&
        (units & piece.units) == 0) {
      piece.units |= units;
      continue;
    }
    if (base == open && units == piece.units && !row.apart) {
      piece.code = lane_code::kSeveral;  // neighbours that share a word
      piece.lane = lane;
      continue;
    }
    if (open != ~std::uint64_t{0} && !visit(piece)) {
      return false;
    }
    open = base;
    place(base);
    piece.units = units;
    piece.lane = virtual_lane;
    piece.code = row_code;
  }
  return open == ~std::uint64_t{0} || visit(piece);
}

}  // namespace rackproof::emulator::check
