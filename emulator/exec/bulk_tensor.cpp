// Boxes of tensors: PTX ISA 9.0, sections 5.5.3 (tiled), 5.5.4 (im2col) and 9.7.9.27.
#include "emulator/exec/access_faults.hpp"
#include "emulator/exec/bulk_transfer.hpp"
#include "emulator/exec/cluster.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/rows.hpp"
#include "emulator/exec/windows.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>

namespace rackproof::emulator::exec {
namespace {

using async::TensorMap;
using async::TensorMode;
using Coordinates = std::array<std::int64_t, 5>;

constexpr std::uint64_t kMapAlignment = 64;

[[noreturn]] void refuse(std::uint32_t lane, const std::string& rule) {
  throw FaultRaised(Fault::Kind::illegal_instruction, lane, "tensor copy: " + rule);
}

const char* broken_order(check::TensorMapOrder::Finding finding) {
  switch (finding) {
    case check::TensorMapOrder::Finding::unreleased:
      return " was changed, and no fence.proxy.tensormap::generic.release follows the change";
    case check::TensorMapOrder::Finding::released_nearby:
      return " was changed by another CTA, and the scope of the "
             "fence.proxy.tensormap::generic.release behind it does not reach this one";
    case check::TensorMapOrder::Finding::acquired_nearby:
      return " was changed by another CTA, and the scope of the "
             "fence.proxy.tensormap::generic.acquire before its use does not reach that one";
    default:
      return " was changed, and no fence.proxy.tensormap::generic.acquire of it comes before its "
             "use";
  }
}

// Copies read tensor maps through a proxy of their own.
void check_fenced(Warp& warp, std::uint64_t address, std::uint32_t lane) {
  const check::Grid* const checked = warp.cta().grid().checked;
  if (checked == nullptr) {
    return;
  }
  using Finding = check::TensorMapOrder::Finding;
  const Finding finding = checked->tensor_maps.use(address, who_is(warp));
  if (finding != Finding::none) {
    throw FaultRaised(
        Fault::Kind::race, lane,
        "the tensor map at " + hex(address) + broken_order(finding) + " (PTX ISA 9.7.13.7)");
  }
}

TensorMap read_map(Warp& warp, const BulkOp& bulk, std::uint32_t lane) {
  const std::uint64_t address = read_address(warp, bulk.map, lane);
  GridContext& grid = warp.cta().grid();
  if (address % kMapAlignment != 0) {
    throw FaultRaised(Fault::Kind::misaligned_address, lane,
                      "the tensor map at " + hex(address) + " is not aligned to 64 bytes");
  }
  TensorMap map;
  switch (classify(address)) {
    case AddressKind::parameter: {
      const std::uint64_t offset = address & kWindowOffsetMask;
      const auto& parameters = grid.config.parameters;
      if (offset + sizeof map > parameters.size()) {
        throw FaultRaised(Fault::Kind::illegal_address, lane,
                          "the tensor map lies outside the kernel's parameters");
      }
      std::memcpy(&map, parameters.data() + offset, sizeof map);
      break;
    }
    case AddressKind::global:
      grid.check_global(address, sizeof map, lane, "read of a tensor map", warp.pc());
      std::memcpy(&map, reinterpret_cast<const void*>(address), sizeof map);
      check_fenced(warp, address, lane);
      break;
    default:
      refuse(lane, "the tensor map at " + hex(address) +
                       " is neither a parameter nor in constant or global memory");
  }
  if (map.magic != TensorMap::kMagic) {
    refuse(lane, "what lies at " + hex(address) +
                     " is no tensor map (cuTensorMapEncode*), or was overwritten");
  }
  if (const std::string rule = async::broken_rule(map); !rule.empty()) {
    refuse(lane, "the tensor map is not valid: " + rule);
  }
  return map;
}

/// Collects rows: dimension 0 from `coordinates[0]` on, the others as given.
class RowCollector {
 public:
  RowCollector(const TensorMap& map, std::int64_t first, std::uint32_t count) : map_(map) {
    const auto size = static_cast<std::int64_t>(map.size(0));
    begin_ = std::clamp<std::int64_t>(-first, 0, count);
    end_ = std::clamp<std::int64_t>(size - first, begin_, count);
    origin_ =
        map.address + async::global_bytes(map.element, static_cast<std::uint64_t>(first + begin_));
  }
  void add(const Coordinates& at, BulkTransfer& transfer) const {
    bool is_inside = begin_ != end_;
    std::uint64_t address = origin_;
    for (std::size_t i = 1; i < map_.rank; ++i) {
      is_inside = is_inside && at[i] >= 0 && at[i] <= std::int64_t{map_.last_index[i]};
      address += static_cast<std::uint64_t>(at[i]) * map_.strides[i - 1];
    }
    transfer.rows.push_back(is_inside
                                ? BulkTransfer::Row{address, static_cast<std::uint32_t>(begin_),
                                                    static_cast<std::uint32_t>(end_)}
                                : BulkTransfer::Row{});
  }

 private:
  const TensorMap& map_;
  std::int64_t begin_;
  std::int64_t end_;
  std::uint64_t origin_;
};

void collect_tile(const TensorMap& map, const Coordinates& origin, const RowCollector& rows,
                  BulkTransfer& transfer) {
  std::array<std::uint32_t, 5> count{1, 1, 1, 1, 1};
  for (std::size_t i = 1; i < map.rank; ++i) {
    count[i] = (std::uint32_t{map.box[i]} + map.element_strides[i] - 1U) / map.element_strides[i];
  }
  std::array<std::uint32_t, 5> at{};
  for (at[4] = 0; at[4] < count[4]; ++at[4]) {
    for (at[3] = 0; at[3] < count[3]; ++at[3]) {
      for (at[2] = 0; at[2] < count[2]; ++at[2]) {
        for (at[1] = 0; at[1] < count[1]; ++at[1]) {
          Coordinates place = origin;
          for (std::size_t i = 1; i < map.rank; ++i) {
            place[i] += std::int64_t{at[i]} * map.element_strides[i];
          }
          rows.add(place, transfer);
        }
      }
    }
  }
}

// Pixels one after the other along W, then H, D and N, inside the box of the pixels' corners.
void collect_im2col(const TensorMap& map, const Coordinates& origin,
                    const std::array<std::int64_t, 3>& offsets, const RowCollector& rows,
                    BulkTransfer& transfer) {
  const std::size_t spatial = map.rank - std::size_t{2};
  Coordinates at = origin;
  for (std::uint32_t pixel = 0; pixel < map.pixels; ++pixel) {
    Coordinates place = at;
    for (std::size_t i = 0; i < spatial; ++i) {
      place[i + 1] += offsets[i];
    }
    rows.add(place, transfer);
    std::size_t dimension = 1;
    for (; dimension <= spatial; ++dimension) {
      at[dimension] += map.element_strides[dimension];
      const std::int64_t last = std::int64_t{map.last_index[dimension]} + map.upper[dimension - 1];
      if (at[dimension] <= last) {
        break;
      }
      at[dimension] = map.lower[dimension - 1];
    }
    if (dimension > spatial) {
      ++at[dimension];
    }
  }
}

// im2col::w: pixels along W, then of the next image; H and D stay. After the last pixel, of 128
// after every 32nd, come the halo's: those beside it along W, be they in the pixel box or not.
void collect_im2col_w(const TensorMap& map, const BulkOp& bulk, const Coordinates& origin,
                      const std::array<std::int64_t, 3>& offsets, const RowCollector& rows,
                      BulkTransfer& transfer) {
  constexpr std::uint32_t kPixels = 128;
  constexpr std::uint32_t kPixelsPerHalo = 32;
  const bool is_128 = bulk.mode == BulkOp::Mode::im2col_w_128;
  const std::uint32_t pixels = is_128 ? kPixels : map.pixels;
  const std::uint32_t group = is_128 ? kPixelsPerHalo : pixels;
  const auto [halo, shift, unused] = offsets;
  const std::size_t image = map.rank - std::size_t{1};
  const std::int64_t step = map.element_strides[1];
  const std::int64_t last = std::int64_t{map.last_index[1]} + map.upper[0] + shift;
  Coordinates at = origin;
  at[1] += shift;
  for (std::uint32_t pixel = 1; pixel <= pixels; ++pixel) {
    rows.add(at, transfer);
    Coordinates beside = at;
    for (std::int64_t i = 0; pixel % group == 0 && i < halo; ++i) {
      beside[1] += step;
      rows.add(beside, transfer);
    }
    at[1] += step;
    if (at[1] > last) {
      at[1] = map.lower[0] + shift;
      ++at[image];
    }
  }
}

void check_first_coordinate(const TensorMap& map, std::int64_t first, std::uint32_t lane) {
  using enum async::TensorElement;
  const std::int64_t unit = map.element == b4x16 ? 2 : async::is_packed(map.element) ? 128 : 1;
  if (first % unit != 0) {
    refuse(lane, "the innermost coordinate " + std::to_string(first) + " is no multiple of " +
                     std::to_string(unit) + ", as the packed element type demands");
  }
}

const char* map_mode(BulkOp::Mode mode) {
  switch (mode) {
    case BulkOp::Mode::im2col:
      return "im2col";
    case BulkOp::Mode::im2col_w:
      return "im2col::w";
    case BulkOp::Mode::im2col_w_128:
      return "im2col::w::128";
    default:
      return "tiled";
  }
}

// Which maps an instruction takes.
void check_mode(const TensorMap& map, const BulkOp& bulk, std::uint32_t lane) {
  const char* const wanted = map_mode(bulk.mode);
  const char* const found = map.mode == TensorMode::tiled    ? "tiled"
                            : map.mode == TensorMode::im2col ? "im2col"
                            : map.is_wide_128                ? "im2col::w::128"
                                                             : "im2col::w";
  if (std::string_view(wanted) != found) {
    refuse(lane, std::string("the instruction is for ") + wanted +
                     " tensor maps, this is one for " + found);
  }
  if (map.rank != bulk.dimensions) {
    refuse(lane, "the instruction is for " + std::to_string(bulk.dimensions) +
                     " dimensions, the tensor map has " + std::to_string(map.rank));
  }
  if (map.interleave != async::TensorInterleave::none) {
    refuse(lane, "interleaved layouts are not supported by the emulator");
  }
  const bool scatters = bulk.mode == BulkOp::Mode::gather4 || bulk.mode == BulkOp::Mode::scatter4;
  if (scatters && map.box[1] != 1) {
    refuse(lane, "tile::gather4 and tile::scatter4 need a box of one row (boxDim[1] is " +
                     std::to_string(map.box[1]) + ")");
  }
  if (bulk.direction == BulkOp::Direction::shared_to_global &&
      map.element == async::TensorElement::b4x16_p64) {
    refuse(lane, "16U4_ALIGN16B can be loaded only");
  }
}

}  // namespace

check::TensorMapOrder::Who who_is(Warp& warp) {
  return {warp.cta().checker()->serial(), warp.cta().cluster().cta(0).checker()->serial()};
}

BulkTransfer tensor_transfer(Warp& warp, const BulkOp& bulk, std::uint32_t lane) {
  const TensorMap map = read_map(warp, bulk, lane);
  check_mode(map, bulk, lane);
  Coordinates origin{};
  for (std::size_t i = 0; i < origin.size(); ++i) {
    if (bulk.coordinates[i] != kNoRef) {
      origin[i] = register_row<std::int32_t>(warp, bulk.coordinates[i])[lane];
    }
  }
  check_first_coordinate(map, origin[0], lane);
  BulkTransfer transfer;
  transfer.element = map.element;
  transfer.swizzle = map.swizzle;
  transfer.fill = map.fill;
  transfer.is_reduction = bulk.is_reduction;
  transfer.reduction = bulk.reduction;
  const bool is_im2col = map.mode != TensorMode::tiled;
  transfer.row_elements = is_im2col ? map.channels : map.box[0];
  transfer.row_shared_bytes =
      static_cast<std::uint32_t>(async::shared_bytes(map.element, transfer.row_elements));
  const RowCollector rows(map, origin[0], transfer.row_elements);
  switch (bulk.mode) {
    case BulkOp::Mode::gather4:
    case BulkOp::Mode::scatter4:
      for (std::size_t i = 1; i < origin.size(); ++i) {
        rows.add({origin[0], origin[i], 0, 0, 0}, transfer);
      }
      break;
    case BulkOp::Mode::im2col:
    case BulkOp::Mode::im2col_w:
    case BulkOp::Mode::im2col_w_128: {
      std::array<std::int64_t, 3> offsets{};
      for (std::size_t i = 0; i < offsets.size(); ++i) {
        if (bulk.offsets[i] != kNoRef) {
          offsets[i] = register_row<std::uint32_t>(warp, bulk.offsets[i])[lane] & 0xffffU;
        }
      }
      if (bulk.mode == BulkOp::Mode::im2col) {
        collect_im2col(map, origin, offsets, rows, transfer);
      } else {
        collect_im2col_w(map, bulk, origin, offsets, rows, transfer);
      }
      break;
    }
    default:
      collect_tile(map, origin, rows, transfer);
      break;
  }
  return transfer;
}

}  // namespace rackproof::emulator::exec
