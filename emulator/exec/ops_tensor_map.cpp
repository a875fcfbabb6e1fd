// tensormap.replace and tensormap.cp_fenceproxy: PTX ISA 9.0, sections 9.7.9.28 and 9.7.13.7.
#include "emulator/async/tensor_map.hpp"
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/bulk_transfer.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/fragments.hpp"
#include "emulator/exec/rows.hpp"

#include <cstring>
#include <optional>
#include <string>

namespace rackproof::emulator::exec {
namespace {

using async::TensorMap;
using Reach = check::TensorMapOrder::Reach;

constexpr std::uint64_t kMapAlignment = 128;

// Host address of a tensor map that the program changes.
std::byte* map_at(Warp& warp, AddressKind space, std::uint64_t address, std::uint32_t lane,
                  const char* what) {
  const AddressKind kind = space == AddressKind::generic ? classify(address) : space;
  if (address % kMapAlignment != 0) {
    throw FaultRaised(
        Fault::Kind::misaligned_address, lane,
        std::string(what) + " at " + hex(address) + ": a tensor map is aligned to 128 bytes");
  }
  if (kind == AddressKind::shared) {
    return warp.cta().cluster().shared_at(address & kWindowOffsetMask, TensorMap::kBytes, lane,
                                          what);
  }
  if (kind != AddressKind::global) {
    throw FaultRaised(Fault::Kind::illegal_address, lane,
                      std::string(what) + " works on tensor maps in shared and global memory");
  }
  warp.cta().grid().check_global(address, TensorMap::kBytes, lane, what, warp.pc());
  return reinterpret_cast<std::byte*>(address);
}

[[noreturn]] void refuse(std::uint32_t lane, const std::string& why) {
  throw FaultRaised(Fault::Kind::illegal_instruction, lane, "tensormap.replace: " + why);
}

// PTX numbers the element types in an order of its own.
async::TensorElement element_of(std::uint64_t number, std::uint32_t lane) {
  using enum async::TensorElement;
  constexpr async::TensorElement kTypes[] = {u8,       u16,   u32,       s32,      u64,  s64,
                                             f16,      f32,   f32_ftz,   f64,      bf16, tf32,
                                             tf32_ftz, b4x16, b4x16_p64, b6x16_p32};
  if (number >= std::size(kTypes)) {
    refuse(lane, "no element type has number " + std::to_string(number));
  }
  return kTypes[number];
}

async::TensorSwizzle swizzle_of(std::uint64_t mode, std::uint64_t atomicity, std::uint32_t lane) {
  using enum async::TensorSwizzle;
  if (mode < 3 && atomicity == 0) {
    return static_cast<async::TensorSwizzle>(mode);
  }
  if (mode != 3 || atomicity > 3) {
    refuse(lane, "no swizzle has mode " + std::to_string(mode) + " and atomicity " +
                     std::to_string(atomicity));
  }
  constexpr async::TensorSwizzle kAtoms[] = {span_128, span_128_atom_32, span_128_atom_32_flip_8,
                                             span_128_atom_64};
  return kAtoms[atomicity];
}

void replace_field(TensorMap& map, TensorMapField field, std::size_t ordinal, std::uint64_t value,
                   std::uint32_t lane) {
  const std::size_t limit = field == TensorMapField::global_stride ? 4 : 5;
  if (ordinal >= limit) {
    refuse(lane, "dimension " + std::to_string(ordinal) + " does not exist");
  }
  switch (field) {
    case TensorMapField::global_address:
      map.address = value;
      break;
    case TensorMapField::rank:
      map.rank = static_cast<std::uint8_t>(value + 1);
      break;
    case TensorMapField::box_dim:
      map.box[ordinal] = static_cast<std::uint16_t>(value);
      break;
    case TensorMapField::global_dim:
      map.last_index[ordinal] = static_cast<std::uint32_t>(value - 1);
      break;
    case TensorMapField::global_stride:
      map.strides[ordinal] = value;
      break;
    case TensorMapField::element_stride:
      map.element_strides[ordinal] = static_cast<std::uint8_t>(value);
      break;
    case TensorMapField::elemtype:
      map.element = element_of(value, lane);
      break;
    case TensorMapField::interleave_layout:
      map.interleave = static_cast<async::TensorInterleave>(value);
      break;
    case TensorMapField::swizzle_mode:
      map.swizzle = swizzle_of(value, 0, lane);
      break;
    case TensorMapField::swizzle_atomicity:
      if (value != 0) {
        map.swizzle = swizzle_of(3, value, lane);
      }
      break;
    case TensorMapField::fill_mode:
      map.fill = value != 0 ? async::TensorFill::nan : async::TensorFill::zero;
      break;
  }
}

// Only maps in global memory are used by copies.
void note_change(Warp& warp, AddressKind space, std::uint64_t address,
                 std::optional<Reach> released = {}) {
  const AddressKind kind = space == AddressKind::generic ? classify(address) : space;
  GridContext& grid = warp.cta().grid();
  if (grid.checked != nullptr && kind == AddressKind::global) {
    grid.checked->tensor_maps.change(address, who_is(warp), released);
  }
}

}  // namespace

void fence_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  check::Grid* const checked = warp.cta().grid().checked;
  if (checked == nullptr) {
    return;
  }
  const auto reach = static_cast<Reach>(op.d);
  if (op.c == 0) {
    checked->tensor_maps.release(who_is(warp), reach);
    return;
  }
  const AddressSource map{op.a, op.immediate, (op.mode & memory_mode::kWideAddress) != 0};
  for_each_lane(mask, [&](std::uint32_t lane) {
    checked->tensor_maps.acquire(read_address(lanes, map, lane), who_is(warp), reach);
  });
}

void replace_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const AddressSource target{op.a, op.immediate, (op.mode & memory_mode::kWideAddress) != 0};
  for_each_lane(mask, [&](std::uint32_t lane) {
    std::byte* const at = map_at(warp, static_cast<AddressKind>(op.space),
                                 read_address(lanes, target, lane), lane, "tensormap.replace");
    TensorMap map;
    std::memcpy(&map, at, sizeof map);
    if (map.magic != TensorMap::kMagic) {
      refuse(lane, "what lies there is no tensor map (cuTensorMapEncode*)");
    }
    const std::uint64_t value = op.size == 8 ? register_row<std::uint64_t>(lanes, op.b)[lane]
                                             : register_row<std::uint32_t>(lanes, op.b)[lane];
    replace_field(map, static_cast<TensorMapField>(op.d), op.c, value, lane);
    std::memcpy(at, &map, sizeof map);
    note_change(warp, static_cast<AddressKind>(op.space), read_address(lanes, target, lane));
  });
}

void copy_tensor_map(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (!whole_warp(warp, mask, "tensormap.cp_fenceproxy")) {
    return;
  }
  const std::uint32_t lane = lowest_lane(mask);
  const AddressSource target{op.a, op.immediate, (op.mode & memory_mode::kWideAddress) != 0};
  const AddressSource source{op.b, static_cast<std::int32_t>(op.d), op.size == 8};
  const std::byte* const from = map_at(warp, AddressKind::shared, read_address(lanes, source, lane),
                                       lane, "read of tensormap.cp_fenceproxy");
  std::byte* const to = map_at(warp, AddressKind::global, read_address(lanes, target, lane), lane,
                               "write of tensormap.cp_fenceproxy");
  std::memcpy(to, from, TensorMap::kBytes);
  note_change(warp, AddressKind::global, reinterpret_cast<std::uintptr_t>(to),
              static_cast<Reach>(op.c));
}

}  // namespace rackproof::emulator::exec
