#include "emulator/exec/bulk_transfer.hpp"

#include "emulator/exec/fault.hpp"
#include "emulator/exec/reduce_elements.hpp"
#include "emulator/exec/rows.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace rackproof::emulator::exec {
namespace {

using async::TensorElement;

constexpr std::uint32_t kChunkBytes = 16;

// Containers of padded types: bytes in global memory of each 16 in shared memory.
std::uint32_t packed_chunk(TensorElement element) {
  return element == TensorElement::b4x16_p64 ? 8 : element == TensorElement::b6x16_p32 ? 12 : 0;
}

void fill_nan(std::byte* to, std::uint64_t bytes, TensorElement element) {
  const std::uint64_t size = async::global_bytes(element, 1);
  for (std::uint64_t i = 0; i < bytes; ++i) {
    to[i] = (i + 1) % size == 0 ? std::byte{0x7f} : std::byte{0xff};
  }
}

// Rounds to the nearest tf32, ties to even; leaves infinities and NaNs.
std::uint32_t to_tf32(std::uint32_t bits) {
  if ((bits & 0x7f800000U) == 0x7f800000U) {
    return bits;
  }
  return (bits + 0xfffU + (bits >> 13 & 1U)) & ~0x1fffU;
}

void convert(std::byte* row, std::uint64_t bytes, TensorElement element) {
  const bool flushes = element == TensorElement::f32_ftz || element == TensorElement::tf32_ftz;
  const bool rounds = element == TensorElement::tf32 || element == TensorElement::tf32_ftz;
  for (std::uint64_t at = 0; (flushes || rounds) && at < bytes; at += 4) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, row + at, sizeof bits);
    bits = flushes && (bits & 0x7f800000U) == 0 ? bits & 0x80000000U : bits;
    bits = rounds ? to_tf32(bits) : bits;
    std::memcpy(row + at, &bits, sizeof bits);
  }
}

ptx::Type reduced_type(TensorElement element) {
  switch (element) {
    case TensorElement::u32:
      return ptx::Type::u32;
    case TensorElement::s32:
      return ptx::Type::s32;
    case TensorElement::u64:
      return ptx::Type::u64;
    case TensorElement::s64:
      return ptx::Type::s64;
    case TensorElement::f16:
      return ptx::Type::f16;
    case TensorElement::bf16:
      return ptx::Type::bf16;
    case TensorElement::f32:
    case TensorElement::f32_ftz:
      return ptx::Type::f32;
    case TensorElement::f64:
      return ptx::Type::f64;
    default:
      return ptx::Type::none;
  }
}

}  // namespace

std::uint64_t BulkTransfer::global_bytes() const {
  std::uint64_t bytes = 0;
  for (const Row& row : rows) {
    bytes += async::global_bytes(element, row.end - row.begin);
  }
  return bytes;
}

void BulkTransfer::load(std::byte* shared, std::uint64_t address) const {
  std::vector<std::byte> line(row_shared_bytes);
  const std::uint32_t packed = packed_chunk(element);
  // Unswizzled rows go straight to their place.
  const bool is_direct = swizzle == async::TensorSwizzle::none && packed == 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const std::uint64_t offset = i * row_shared_bytes;
    std::byte* const to = is_direct ? shared + offset : line.data();
    const auto* const from = reinterpret_cast<const std::byte*>(row.global);
    if (packed != 0) {
      // Whole rows of 128 elements are inside the tensor or outside.
      for (std::uint32_t chunk = 0; chunk * kChunkBytes < row_shared_bytes; ++chunk) {
        if (row.end != row.begin) {
          std::memcpy(to + chunk * kChunkBytes, from + chunk * packed, packed);
        } else {
          std::memset(to + chunk * kChunkBytes, 0, packed);
        }
      }
    } else {
      const std::uint64_t begin = async::global_bytes(element, row.begin);
      const std::uint64_t end = async::global_bytes(element, row.end);
      if (row.begin != 0 || row.end != row_elements) {
        if (fill == async::TensorFill::nan) {
          fill_nan(to, row_shared_bytes, element);
        } else {
          std::memset(to, 0, row_shared_bytes);
        }
      }
      if (end != begin) {
        std::memcpy(to + begin, from, end - begin);
        convert(to + begin, end - begin, element);
      }
    }
    if (is_direct) {
      continue;
    }
    for (std::uint32_t at = 0; at < row_shared_bytes; at += 8) {
      const std::uint64_t place = async::swizzled(swizzle, address + offset + at) - address;
      const bool is_padding = packed != 0 && at % kChunkBytes >= packed;
      if (!is_padding) {
        std::memcpy(shared + place, line.data() + at, packed == 12 && at % 16 == 8 ? 4 : 8);
      }
    }
  }
}

std::vector<std::byte> BulkTransfer::read_box(const std::byte* shared,
                                              std::uint64_t address) const {
  std::vector<std::byte> box(shared_bytes());
  if (swizzle == async::TensorSwizzle::none) {
    std::memcpy(box.data(), shared, box.size());
    return box;
  }
  for (std::uint64_t at = 0; at < box.size(); at += 8) {
    std::memcpy(box.data() + at, shared + (async::swizzled(swizzle, address + at) - address), 8);
  }
  return box;
}

void BulkTransfer::store(const std::vector<std::byte>& box) const {
  const std::uint32_t packed = packed_chunk(element);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    auto* const to = reinterpret_cast<std::byte*>(row.global);
    const std::byte* const line = box.data() + i * row_shared_bytes;
    if (row.begin == row.end) {
      continue;
    }
    if (packed != 0) {
      for (std::uint32_t chunk = 0; chunk * kChunkBytes < row_shared_bytes; ++chunk) {
        std::memcpy(to + chunk * packed, line + chunk * kChunkBytes, packed);
      }
      continue;
    }
    const std::uint64_t begin = async::global_bytes(element, row.begin);
    const std::uint64_t bytes = async::global_bytes(element, row.end) - begin;
    if (is_reduction) {
      const ptx::Type each = type != ptx::Type::none ? type : reduced_type(element);
      if (!reduce_elements(reduction, each, to, line + begin, bytes)) {
        throw FaultRaised(Fault::Kind::illegal_instruction, kWarpSize,
                          "this reduction is not defined for the element type of the tensor");
      }
    } else if (byte_mask == 0xffff) {
      std::memcpy(to, line + begin, bytes);
    } else {
      for (std::uint64_t at = 0; at < bytes; ++at) {
        if ((byte_mask >> at % kChunkBytes & 1U) != 0) {
          to[at] = line[begin + at];
        }
      }
    }
  }
}

BulkTransfer linear_transfer(std::uint64_t global, std::uint32_t bytes) {
  BulkTransfer transfer;
  transfer.rows.push_back({global, 0, bytes});
  transfer.row_elements = bytes;
  transfer.row_shared_bytes = bytes;
  return transfer;
}

std::uint64_t read_address(const LaneContext& lanes, const AddressSource& source,
                           std::uint32_t lane) {
  const std::uint64_t base = source.is_wide ? register_row<std::uint64_t>(lanes, source.base)[lane]
                                            : register_row<std::uint32_t>(lanes, source.base)[lane];
  return base + static_cast<std::uint64_t>(source.offset);
}

}  // namespace rackproof::emulator::exec
