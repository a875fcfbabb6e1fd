#include "emulator/exec/row_access.hpp"

#include "emulator/exec/cta.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/lane_ops.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/move_bytes.hpp"
#include "emulator/exec/rows.hpp"

#include <array>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kMaxElements = 4;

struct Row {
  AddressPattern pattern = AddressPattern::scattered;
  std::byte* memory = nullptr;
  std::array<void*, kMaxElements> registers{};
};

/// Elements as wide as their registers, at most 16 bytes of them a lane, none thrown away; or one
/// narrower element that zeros extend.
bool find_registers(Warp& warp, const Op& op, Row& row) {
  const bool is_narrow =
      op.size < 4 && op.list_size == 1 && (op.mode & memory_mode::kSignExtend) == 0;
  const bool is_whole =
      (op.size == 4 || op.size == 8) && std::uint32_t{op.size} * op.list_size <= 16;
  if (!(is_narrow || is_whole) || (op.mode & memory_mode::kWideRegisters) != 0) {
    return false;
  }
  const Ref* const refs = &warp.kernel().refs[op.list];
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    if (refs[i] == kNoRef) {
      return false;
    }
    row.registers[i] = register_row<std::byte>(warp, refs[i]);
  }
  return true;
}

bool find_global(Warp& warp, const Op& op, std::uint64_t first, std::uint32_t bytes,
                 std::uint64_t span, Row& row, bool is_load) {
  GridContext& grid = warp.cta().grid();
  if (first >> kWindowShift != 0 || !grid.covers(first, span, warp.pc()) ||
      !check_row(warp, op, AddressKind::global, is_load ? AccessType::read : AccessType::write,
                 first, bytes, row.pattern == AddressPattern::uniform)) {
    return false;
  }
  GridCounters& counters = grid.counters;
  ++counters.global_requests;
  (is_load ? counters.global_load_bytes : counters.global_store_bytes) += kWarpSize * bytes;
  const std::uint64_t first_sector = first >> 5;
  const std::uint64_t last_sector = (first + span - 1) >> 5;
  counters.global_sectors += last_sector - first_sector + 1;
  counters.global_sectors_minimum += (span + 31) >> 5;
  grid.sectors.insert(first_sector, last_sector);
  grid.prefetch_next(warp.pc(), first, span);
  row.memory = reinterpret_cast<std::byte*>(first);
  return true;
}

bool find_shared(Warp& warp, const Op& op, std::uint64_t first, std::uint32_t bytes,
                 std::uint64_t span, Row& row, bool is_load) {
  Cta& cta = warp.cta();
  if (first < cta.shared_base() || first + span > cta.shared_end()) {
    return false;
  }
  if (!check_row(warp, op, AddressKind::shared, is_load ? AccessType::read : AccessType::write,
                 reinterpret_cast<std::uintptr_t>(cta.shared_at(first)), bytes,
                 row.pattern == AddressPattern::uniform)) {
    return false;
  }
  GridCounters& counters = cta.grid().counters;
  ++counters.shared_requests;
  // Up to 4 bytes a lane are one wavefront, 8 are two half-warps, 16 four quarters.
  const std::uint32_t wavefronts = bytes <= 4 ? 1 : bytes / 4;
  counters.shared_wavefronts += wavefronts;
  counters.shared_wavefronts_minimum += wavefronts;
  row.memory = cta.shared_at(first);
  return true;
}

/// Kernel parameters: all lanes read the same bytes.
bool find_parameter(Warp& warp, std::uint64_t offset, std::uint64_t span, Row& row) {
  auto& parameters = warp.cta().grid().config.parameters;
  offset &= kWindowOffsetMask;
  if (offset + span > parameters.size()) {
    return false;
  }
  row.memory = parameters.data() + offset;
  return true;
}

bool find(Warp& warp, const Op& op, Row& row, bool is_load) {
  const auto space = static_cast<AddressKind>(op.space);
  const bool parameter = space == AddressKind::parameter && is_load;
  if ((!parameter && space != AddressKind::global && space != AddressKind::shared &&
       space != AddressKind::generic) ||
      !find_registers(warp, op, row)) {
    return false;
  }
  const std::uint32_t bytes = std::uint32_t{op.size} * op.list_size;
  std::uint64_t first = 0;
  row.pattern = lane_ops().pattern(warp, op, bytes, first);
  const bool uniform = row.pattern == AddressPattern::uniform;
  if (row.pattern == AddressPattern::scattered || (uniform && !is_load) ||
      (first & (bytes - 1)) != 0) {
    return false;
  }
  const std::uint64_t span = uniform ? bytes : kWarpSize * bytes;
  if (parameter) {
    return uniform && find_parameter(warp, first, span, row);
  }
  return space == AddressKind::shared ? find_shared(warp, op, first, bytes, span, row, is_load)
                                      : find_global(warp, op, first, bytes, span, row, is_load);
}

void load_narrow(const Op& op, const Row& row) {
  auto* const words = static_cast<std::uint32_t*>(row.registers[0]);
  if (row.pattern == AddressPattern::contiguous) {
    lane_ops().load_narrow(row.memory, words, op.size);
    return;
  }
  std::uint32_t element = 0;
  if (op.size == 1) {
    move_scalar<std::uint8_t>(&element, row.memory);
  } else {
    move_scalar<std::uint16_t>(&element, row.memory);
  }
  void* const rows[] = {words};
  lane_ops().broadcast(&element, rows, 4, 1);
}

}  // namespace

bool load_row(Warp& warp, const Op& op) {
  Row row;
  if (!find(warp, op, row, true)) {
    return false;
  }
  if (op.size < 4) {
    load_narrow(op, row);
  } else if (row.pattern == AddressPattern::contiguous) {
    lane_ops().load_rows(row.memory, row.registers.data(), op.size, op.list_size);
  } else {
    // At most 16 aligned bytes, read at once.
    alignas(16) std::array<std::byte, 16> elements;
    move_bytes(elements.data(), row.memory, std::uint32_t{op.size} * op.list_size);
    lane_ops().broadcast(elements.data(), row.registers.data(), op.size, op.list_size);
  }
  return true;
}

bool store_row(Warp& warp, const Op& op) {
  Row row;
  if (!find(warp, op, row, false)) {
    return false;
  }
  if (op.size < 4) {
    lane_ops().store_narrow(row.memory, static_cast<const std::uint32_t*>(row.registers[0]),
                            op.size);
  } else {
    lane_ops().store_rows(row.memory, row.registers.data(), op.size, op.list_size);
  }
  return true;
}

}  // namespace rackproof::emulator::exec
