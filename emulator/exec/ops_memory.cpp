// ld, st and the address instructions: PTX ISA 9.0, section 9.7.9.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/fault.hpp"
#include "emulator/exec/handlers.hpp"
#include "emulator/exec/memory_access.hpp"
#include "emulator/exec/move_bytes.hpp"
#include "emulator/exec/row_access.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>

namespace rackproof::emulator::exec {
namespace {

constexpr std::uint32_t kMaxVectorBytes = 32;

struct Block {
  alignas(64) std::byte bytes[kWarpSize][kMaxVectorBytes];
};

// A b128 register: 16 bytes a lane.
struct alignas(16) Wide {
  std::uint64_t half[2];
};

template <class Element, class Register>
void unpack_element(LaneContext& lanes, const Block& block, std::uint32_t offset, Ref ref,
                    std::uint32_t mask) {
  Register* const dst = register_row<Register>(lanes, ref);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    Element value;
    std::memcpy(&value, &block.bytes[lane][offset], sizeof value);
    dst[lane] = (mask >> lane & 1U) != 0 ? static_cast<Register>(value) : dst[lane];
  }
}

// Extends a loaded element to its register: zeros, or the sign for s8, s16 and s32.
void unpack(LaneContext& lanes, const Op& op, const Block& block, std::uint32_t offset, Ref ref,
            std::uint32_t mask) {
  const bool wide = (op.mode & memory_mode::kWideRegisters) != 0;
  const bool sign = (op.mode & memory_mode::kSignExtend) != 0;
  switch (op.size) {
    case 1:
      if (sign) {
        wide ? unpack_element<std::int8_t, std::uint64_t>(lanes, block, offset, ref, mask)
             : unpack_element<std::int8_t, std::uint32_t>(lanes, block, offset, ref, mask);
      } else {
        wide ? unpack_element<std::uint8_t, std::uint64_t>(lanes, block, offset, ref, mask)
             : unpack_element<std::uint8_t, std::uint32_t>(lanes, block, offset, ref, mask);
      }
      break;
    case 2:
      if (sign) {
        wide ? unpack_element<std::int16_t, std::uint64_t>(lanes, block, offset, ref, mask)
             : unpack_element<std::int16_t, std::uint32_t>(lanes, block, offset, ref, mask);
      } else {
        wide ? unpack_element<std::uint16_t, std::uint64_t>(lanes, block, offset, ref, mask)
             : unpack_element<std::uint16_t, std::uint32_t>(lanes, block, offset, ref, mask);
      }
      break;
    case 4:
      if (wide) {
        sign ? unpack_element<std::int32_t, std::uint64_t>(lanes, block, offset, ref, mask)
             : unpack_element<std::uint32_t, std::uint64_t>(lanes, block, offset, ref, mask);
      } else {
        unpack_element<std::uint32_t, std::uint32_t>(lanes, block, offset, ref, mask);
      }
      break;
    case 8:
      unpack_element<std::uint64_t, std::uint64_t>(lanes, block, offset, ref, mask);
      break;
    default:
      unpack_element<Wide, Wide>(lanes, block, offset, ref, mask);
      break;
  }
  if ((op.mode & memory_mode::kHalfRegisters) != 0 && sign) {
    // A 16-bit register keeps its upper half zero.
    auto* const dst = register_row<std::uint32_t>(lanes, ref);
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
      dst[lane] &= (mask >> lane & 1U) != 0 ? 0xffffU : 0xffffffffU;
    }
  }
}

// Vectors of 4-byte words. Lanes that are not active repeat a valid address: no branches.
void load_words(Warp& warp, const Op& op, std::uint32_t mask, const Addresses& addresses) {
  alignas(64) std::uint32_t words[kWarpSize * 4];
  std::uint32_t* rows[4] = {};
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    const Ref ref = warp.kernel().refs[op.list + i];
    rows[i] = ref == kNoRef ? nullptr : register_row<std::uint32_t>(warp, ref);
  }
  switch (op.list_size) {
    case 1:
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        words[lane] = __atomic_load_n(reinterpret_cast<const std::uint32_t*>(addresses.value[lane]),
                                      __ATOMIC_RELAXED);
      }
      break;
    case 2:
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        const std::uint64_t both = __atomic_load_n(
            reinterpret_cast<const std::uint64_t*>(addresses.value[lane]), __ATOMIC_RELAXED);
        std::memcpy(&words[2 * lane], &both, sizeof both);
      }
      break;
    default:
      for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
        *reinterpret_cast<Quad::Vector*>(&words[4 * lane]) =
            *reinterpret_cast<const Quad::Vector*>(addresses.value[lane]);
      }
      break;
  }
  lane_ops().words_to_rows(words, rows, op.list_size, mask);
}

// What a register of 32 bits holds of a narrower element.
template <class Element>
std::uint32_t extend(std::uint64_t address, bool to_half) {
  const auto bits = __atomic_load_n(reinterpret_cast<const std::make_unsigned_t<Element>*>(address),
                                    __ATOMIC_RELAXED);
  const auto word = static_cast<std::uint32_t>(static_cast<Element>(bits));
  return to_half ? word & 0xffffU : word;
}
// One element of 1 or 2 bytes. As in load_words(), without branches.
template <class Element>
void load_narrow(Warp& warp, const Op& op, std::uint32_t mask, const Addresses& addresses) {
  alignas(64) std::uint32_t words[kWarpSize];
  const bool to_half = (op.mode & memory_mode::kHalfRegisters) != 0;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    words[lane] = extend<Element>(addresses.value[lane], to_half);
  }
  std::uint32_t* rows[] = {register_row<std::uint32_t>(warp, warp.kernel().refs[op.list])};
  lane_ops().words_to_rows(words, rows, 1, mask);
}

void load_resolved(Warp& warp, const Op& op, std::uint32_t mask, const Addresses& addresses) {
  const std::uint32_t bytes = op.size * std::uint32_t{op.list_size};
  const Ref* const refs = &warp.kernel().refs[op.list];
  if (addresses.contiguous && bytes == 4 && op.size == 4 &&
      (op.mode & memory_mode::kWideRegisters) == 0 && refs[0] != kNoRef) {
    std::memcpy(register_row<std::uint32_t>(warp, refs[0]),
                reinterpret_cast<const void*>(addresses.value[0]), 128);
    return;
  }
  if (op.size == 4 && bytes <= 16 && (op.mode & memory_mode::kWideRegisters) == 0) {
    load_words(warp, op, mask, addresses);
    return;
  }
  if (bytes <= 2 && op.list_size == 1 && (op.mode & memory_mode::kWideRegisters) == 0 &&
      refs[0] != kNoRef) {
    const bool sign = (op.mode & memory_mode::kSignExtend) != 0;
    if (bytes == 1) {
      sign ? load_narrow<std::int8_t>(warp, op, mask, addresses)
           : load_narrow<std::uint8_t>(warp, op, mask, addresses);
    } else {
      sign ? load_narrow<std::int16_t>(warp, op, mask, addresses)
           : load_narrow<std::uint16_t>(warp, op, mask, addresses);
    }
    return;
  }
  Block block;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    move_bytes(block.bytes[lane], reinterpret_cast<const void*>(addresses.value[lane]), bytes);
  }
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    if (refs[i] != kNoRef) {
      unpack(warp, op, block, i * op.size, refs[i], mask);
    }
  }
}

template <class Element, class Register>
void pack_element(LaneContext& lanes, Block& block, std::uint32_t offset, Ref ref) {
  const Register* const source = register_row<Register>(lanes, ref);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const auto value = static_cast<Element>(source[lane]);
    std::memcpy(&block.bytes[lane][offset], &value, sizeof value);
  }
}

void pack(LaneContext& lanes, const Op& op, Block& block) {
  const auto& warp = static_cast<Warp&>(lanes);
  const Ref* const refs = &warp.kernel().refs[op.list];
  const bool wide = (op.mode & memory_mode::kWideRegisters) != 0;
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    const std::uint32_t offset = i * op.size;
    switch (op.size) {
      case 1:
        wide ? pack_element<std::uint8_t, std::uint64_t>(lanes, block, offset, refs[i])
             : pack_element<std::uint8_t, std::uint32_t>(lanes, block, offset, refs[i]);
        break;
      case 2:
        wide ? pack_element<std::uint16_t, std::uint64_t>(lanes, block, offset, refs[i])
             : pack_element<std::uint16_t, std::uint32_t>(lanes, block, offset, refs[i]);
        break;
      case 4:
        wide ? pack_element<std::uint32_t, std::uint64_t>(lanes, block, offset, refs[i])
             : pack_element<std::uint32_t, std::uint32_t>(lanes, block, offset, refs[i]);
        break;
      case 8:
        pack_element<std::uint64_t, std::uint64_t>(lanes, block, offset, refs[i]);
        break;
      default:
        pack_element<Wide, Wide>(lanes, block, offset, refs[i]);
        break;
    }
  }
}

// Lane l's `bytes` are at data + l * stride.
template <class Move>
void scatter(const std::byte* data, std::uint32_t stride, std::uint32_t mask,
             const Addresses& addresses, Move&& move) {
  for_each_lane(mask, [&](std::uint32_t lane) {
    move(reinterpret_cast<void*>(addresses.value[lane]), data + std::size_t{lane} * stride);
  });
}

void store_resolved(Warp& warp, const Op& op, AddressKind space, std::uint32_t mask,
                    const Addresses& addresses) {
  const std::uint32_t bytes = op.size * std::uint32_t{op.list_size};
  const Ref* const refs = &warp.kernel().refs[op.list];
  const bool wide = (op.mode & memory_mode::kWideRegisters) != 0;
  Block block;
  const std::byte* data = &block.bytes[0][0];
  std::uint32_t stride = kMaxVectorBytes;
  if (op.list_size == 1) {
    // The low bytes of a register are the element.
    data = register_row<std::byte>(warp, refs[0]);
    stride = wide ? 8 : std::max<std::uint32_t>(op.size, 4);
  } else if (op.size == 4 && bytes <= 16 && !wide) {
    const std::uint32_t* rows[4] = {};
    for (std::uint32_t i = 0; i < op.list_size; ++i) {
      rows[i] = register_row<std::uint32_t>(warp, refs[i]);
    }
    lane_ops().rows_to_words(reinterpret_cast<std::uint32_t*>(&block), rows, op.list_size);
    stride = bytes;
  } else {
    pack(warp, op, block);
  }
  check_accesses(warp, op, space, AccessType::write, bytes, mask, addresses, data, stride);
  if (addresses.contiguous && bytes == 4 && stride == 4) {
    std::memcpy(reinterpret_cast<void*>(addresses.value[0]), data, 128);
    return;
  }
  switch (bytes) {
    case 1:
      scatter(data, stride, mask, addresses, move_scalar<std::uint8_t>);
      break;
    case 2:
      scatter(data, stride, mask, addresses, move_scalar<std::uint16_t>);
      break;
    case 4:
      scatter(data, stride, mask, addresses, move_scalar<std::uint32_t>);
      break;
    case 8:
      scatter(data, stride, mask, addresses, move_scalar<std::uint64_t>);
      break;
    default:
      scatter(data, stride, mask, addresses,
              [bytes](void* to, const void* from) { move_bytes(to, from, bytes); });
      break;
  }
}

template <class Action>
void for_each_space(Warp& warp, const Op& op, AccessType type, std::uint32_t mask, Action action) {
  Addresses addresses;
  const std::uint32_t bytes = op.size * std::uint32_t{op.list_size};
  lane_ops().addresses(warp, op, mask, bytes, addresses);
  const auto space = static_cast<AddressKind>(op.space);
  if (!spans_spaces(space)) {
    resolve(warp, op, space, type, bytes, mask, addresses);
    action(space, mask, addresses);
    return;
  }
  while (mask != 0) {
    std::uint32_t same = 0;
    Addresses part = addresses;
    const AddressKind kind = split_space(warp, space, part, mask, bytes, same);
    resolve(warp, op, kind, type, bytes, same, part);
    action(kind, same, part);
    mask &= ~same;
  }
}

}  // namespace

void load(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (mask == kFullMask && warp.polls() == nullptr && load_row(warp, op)) {
    return;
  }
  for_each_space(warp, op, AccessType::read, mask,
                 [&](AddressKind, std::uint32_t active, const Addresses& addresses) {
                   load_resolved(warp, op, active, addresses);
                 });
}

void store(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  if (mask == kFullMask && warp.polls() == nullptr && store_row(warp, op)) {
    return;
  }
  bool changed = warp.cta().grid().changed;
  for_each_space(warp, op, AccessType::write, mask,
                 [&](AddressKind space, std::uint32_t active, const Addresses& addresses) {
                   write_watched(warp, changed, active, op.size * std::uint32_t{op.list_size},
                                 addresses,
                                 [&] { store_resolved(warp, op, space, active, addresses); });
                 });
}

void local_address(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const std::uint64_t address =
      static_cast<std::uint64_t>(op.immediate) + warp.current().local_base;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    if (op.size == 8) {
      register_row<std::uint64_t>(lanes, op.dst)[lane] = address;
    } else {
      register_row<std::uint32_t>(lanes, op.dst)[lane] = static_cast<std::uint32_t>(address);
    }
  }
}

void load_frame(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto& warp = static_cast<Warp&>(lanes);
  const std::uint32_t bytes = op.size * std::uint32_t{op.list_size};
  Block block;
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    std::memcpy(block.bytes[lane], lanes.base[0] + op.a + std::size_t{lane} * op.c + op.immediate,
                bytes);
  }
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    if (const Ref ref = warp.kernel().refs[op.list + i]; ref != kNoRef) {
      unpack(lanes, op, block, i * op.size, ref, mask);
    }
  }
}

void store_frame(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const std::uint32_t bytes = op.size * std::uint32_t{op.list_size};
  Block block;
  pack(lanes, op, block);
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(rest));
    std::memcpy(lanes.base[0] + op.a + std::size_t{lane} * op.c + op.immediate, block.bytes[lane],
                bytes);
  }
}

void pack_register(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  Block block;
  pack(lanes, op, block);
  Op whole = op;
  whole.size = static_cast<std::uint8_t>(op.size * op.list_size);
  unpack(lanes, whole, block, 0, op.dst, mask);
}

void unpack_register(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const auto& warp = static_cast<Warp&>(lanes);
  Block block;
  switch (op.size * op.list_size) {
    case 16:
      pack_element<Wide, Wide>(lanes, block, 0, op.a);
      break;
    case 8:
      pack_element<std::uint64_t, std::uint64_t>(lanes, block, 0, op.a);
      break;
    default:
      pack_element<std::uint32_t, std::uint32_t>(lanes, block, 0, op.a);
      break;
  }
  for (std::uint32_t i = 0; i < op.list_size; ++i) {
    if (const Ref ref = warp.kernel().refs[op.list + i]; ref != kNoRef) {
      unpack(lanes, op, block, i * op.size, ref, mask);
    }
  }
}

void is_space(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const Cta& cta = static_cast<Warp&>(lanes).cta();
  const auto space = static_cast<AddressKind>(op.space);
  std::uint32_t result = 0;
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const std::uint64_t address = register_row<std::uint64_t>(lanes, op.a)[lane];
    const AddressKind kind = classify(address);
    const std::uint64_t rank = (address & kWindowOffsetMask) >> kClusterRankShift;
    const bool is_in = space == AddressKind::shared_cluster
                           ? kind == AddressKind::shared && rank < cta.cluster_size()
                           : kind == space && (kind != AddressKind::shared || rank == cta.rank());
    result |= static_cast<std::uint32_t>(is_in) << lane;
  }
  std::uint32_t& word = *register_row<std::uint32_t>(lanes, op.dst);
  word = (word & ~mask) | (result & mask);
}

void no_operation(LaneContext&, const Op&, std::uint32_t) {}

}  // namespace rackproof::emulator::exec
