#include "emulator/tensor/shared_descriptor.hpp"

#include "emulator/tensor/bit_field.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace rackproof::emulator::tensor {
namespace {

constexpr std::uint32_t kChunkBytes = 16;
constexpr std::uint32_t kAddressMask = 0x3ffff;  // matrix-descriptor-encode keeps 18 bits
constexpr std::uint32_t kCoreLines = 8;

void require_zero(std::uint64_t bits, unsigned first, unsigned width) {
  if (field(bits, first, width) != 0) {
    throw DescriptorError("bits " + std::to_string(first) + " to " +
                          std::to_string(first + width - 1) +
                          " of the shared memory descriptor have to be 0");
  }
}

/// Bytes of a row of the swizzled pattern.
std::uint32_t width_bytes(SharedSwizzle swizzle) {
  switch (swizzle) {
    case SharedSwizzle::none:
      return kChunkBytes;
    case SharedSwizzle::bytes_32:
      return 32;
    case SharedSwizzle::bytes_64:
      return 64;
    default:
      return 128;
  }
}
/// After so many rows the pattern repeats, and the next group of rows begins.
std::uint32_t pattern_rows(SharedSwizzle swizzle) {
  return swizzle == SharedSwizzle::bytes_128_atom_32 ? 4 : kCoreLines;
}

/// The XOR on address bits: rows count in units of 128 bytes, the base offset moves the first one.
std::uint32_t swizzled(const MatrixDescriptor& descriptor, std::uint32_t address) {
  const std::uint32_t row = ((address >> 7) - descriptor.base_offset) & 7;
  switch (descriptor.swizzle) {
    case SharedSwizzle::none:
      return address;
    case SharedSwizzle::bytes_32:
      return address ^ (row & 1) << 4;
    case SharedSwizzle::bytes_64:
      return address ^ (row & 3) << 4;
    case SharedSwizzle::bytes_128:
      return address ^ row << 4;
    default:
      return address ^ (row & 3) << 5;
  }
}

void validate(const MatrixDescriptor& descriptor, const SharedOperand& operand) {
  if (operand.mn_major &&
      (operand.packing == ElementPacking::bits_4 || operand.packing == ElementPacking::bits_1)) {
    throw DescriptorError("packed 4-bit and 1-bit operands have to be K-major");
  }
  if (!operand.mn_major && descriptor.swizzle == SharedSwizzle::bytes_128_atom_32) {
    throw DescriptorError("swizzling with 32-byte atoms is for MN-major operands");
  }
  if (descriptor.absolute_leading &&
      (operand.mn_major || descriptor.swizzle != SharedSwizzle::bytes_128)) {
    throw DescriptorError(
        "the absolute leading dimension is for K-major operands with 128-byte swizzling");
  }
}

/// Linear address of a chunk: `across` counts chunks along the contiguous dimension, `down` lines
/// (K-major) or elements of K (MN-major).
std::uint32_t k_major_address(const MatrixDescriptor& descriptor, std::uint32_t down,
                              std::uint32_t across) {
  const std::uint32_t width = width_bytes(descriptor.swizzle);
  const std::uint32_t group = down / kCoreLines * descriptor.stride + down % kCoreLines * width;
  if (descriptor.swizzle == SharedSwizzle::none) {
    return descriptor.start + group + across * descriptor.leading;
  }
  const std::uint32_t inside = descriptor.start % width + across * kChunkBytes;
  if (inside < width) {
    return descriptor.start + group + across * kChunkBytes;
  }
  if (!descriptor.absolute_leading) {
    throw DescriptorError("K leaves the " + std::to_string(width) +
                          " bytes of a row of the swizzle pattern");
  }
  return descriptor.leading + group + (inside - width);
}
std::uint32_t mn_major_address(const MatrixDescriptor& descriptor, std::uint32_t down,
                               std::uint32_t across) {
  const std::uint32_t width = width_bytes(descriptor.swizzle);
  const std::uint32_t rows = pattern_rows(descriptor.swizzle);
  if (descriptor.swizzle == SharedSwizzle::none) {
    return descriptor.start + across * descriptor.stride + down % rows * width +
           down / rows * descriptor.leading;
  }
  const std::uint32_t inside = descriptor.start % width + across * kChunkBytes;
  return descriptor.start - descriptor.start % width + inside % width +
         inside / width * descriptor.leading + down % rows * width +
         down / rows * descriptor.stride;
}

/// The elements of one chunk.
std::size_t unpack(ElementPacking packing, const std::byte* bytes,
                   std::array<std::uint32_t, 32>& codes) {
  const std::size_t count = elements_per_chunk(packing);
  std::array<std::uint64_t, 2> words;
  std::memcpy(words.data(), bytes, kChunkBytes);
  const auto each = [&](auto&& element) {
    for (std::size_t i = 0; i < count; ++i) {
      codes[i] = element(i);
    }
  };
  switch (packing) {
    case ElementPacking::bits_1:
      std::memcpy(codes.data(), bytes, kChunkBytes);
      break;
    case ElementPacking::bits_32:
      std::memcpy(codes.data(), bytes, kChunkBytes);
      each([&](std::size_t i) { return codes[i] & ~std::uint32_t{0x1fff}; });
      break;
    case ElementPacking::bits_16:
      each([&](std::size_t i) {
        return static_cast<std::uint32_t>(words[i / 4] >> (i % 4 * 16) & 0xffff);
      });
      break;
    case ElementPacking::bits_8:
      each([&](std::size_t i) {
        return static_cast<std::uint32_t>(words[i / 8] >> (i % 8 * 8) & 0xff);
      });
      break;
    case ElementPacking::bits_4:
    case ElementPacking::bits_4_padded:
      each([&](std::size_t i) {
        return static_cast<std::uint32_t>(words[i / 16] >> (i % 16 * 4) & 0xf);
      });
      break;
    case ElementPacking::bits_6_padded:
      each([&](std::size_t i) {
        const std::size_t bit = i * 6;
        const std::uint64_t low = words[bit / 64] >> (bit % 64);
        const std::uint64_t high = bit / 64 == 0 && bit % 64 > 58 ? words[1] << (64 - bit % 64) : 0;
        return static_cast<std::uint32_t>((low | high) & 0x3f);
      });
      break;
  }
  return count;
}

}  // namespace

MatrixDescriptor MatrixDescriptor::decode(std::uint64_t bits, DescriptorRules rules) {
  // Bits 14 and 15 have no meaning, and a GEMM that is right on hardware (MatmulTutorial) sets
  // them.
  require_zero(bits, 30, 2);
  MatrixDescriptor result;
  result.start = field(bits, 0, 14) * kChunkBytes;
  result.leading = field(bits, 16, 14) * kChunkBytes;
  result.stride = field(bits, 32, 14) * kChunkBytes;
  result.base_offset = field(bits, 49, 3);
  if (rules == DescriptorRules::wgmma) {
    require_zero(bits, 46, 3);
    require_zero(bits, 52, 10);
    constexpr std::array kSwizzles = {SharedSwizzle::none, SharedSwizzle::bytes_128,
                                      SharedSwizzle::bytes_64, SharedSwizzle::bytes_32};
    result.swizzle = kSwizzles[field(bits, 62, 2)];
    return result;
  }
  if (field(bits, 46, 3) != 1) {
    throw DescriptorError("bits 46 to 48 of the shared memory descriptor have to be 0b001");
  }
  require_zero(bits, 53, 8);
  result.absolute_leading = field(bits, 52, 1) != 0;
  if (result.absolute_leading && rules != DescriptorRules::tcgen05_absolute) {
    throw DescriptorError("an absolute leading dimension (bit 52) is for sm_103a");
  }
  switch (field(bits, 61, 3)) {
    case 0:
      result.swizzle = SharedSwizzle::none;
      break;
    case 1:
      result.swizzle = SharedSwizzle::bytes_128_atom_32;
      break;
    case 2:
      result.swizzle = SharedSwizzle::bytes_128;
      break;
    case 4:
      result.swizzle = SharedSwizzle::bytes_64;
      break;
    case 6:
      result.swizzle = SharedSwizzle::bytes_32;
      break;
    default:
      throw DescriptorError("swizzling mode " + std::to_string(field(bits, 61, 3)) +
                            " of the shared memory descriptor is invalid");
  }
  return result;
}

std::size_t elements_per_chunk(ElementPacking packing) {
  switch (packing) {
    case ElementPacking::bits_1:
    case ElementPacking::bits_32:
      return 4;
    case ElementPacking::bits_16:
      return 8;
    case ElementPacking::bits_4:
      return 32;
    default:
      return 16;
  }
}

std::vector<OperandChunk> operand_chunks(const MatrixDescriptor& descriptor,
                                         const SharedOperand& operand, std::uint32_t shared_begin,
                                         std::uint32_t shared_end) {
  validate(descriptor, operand);
  const auto per_chunk = static_cast<std::uint32_t>(elements_per_chunk(operand.packing));
  const auto lines = static_cast<std::uint32_t>(operand.lines);
  const auto elements = static_cast<std::uint32_t>(operand.elements);
  const std::uint32_t down = operand.mn_major ? elements : lines;
  const std::uint32_t across = ((operand.mn_major ? lines : elements) + per_chunk - 1) / per_chunk;
  std::vector<OperandChunk> chunks;
  chunks.reserve(std::size_t{down} * across);
  for (std::uint32_t i = 0; i < down; ++i) {
    for (std::uint32_t j = 0; j < across; ++j) {
      const std::uint32_t linear =
          operand.mn_major ? mn_major_address(descriptor, i, j) : k_major_address(descriptor, i, j);
      const std::uint32_t address = swizzled(descriptor, linear & kAddressMask);
      if (address < shared_begin || address + kChunkBytes > shared_end) {
        throw DescriptorError("the matrix reaches byte " + std::to_string(address) +
                              " of shared memory, which ends at " + std::to_string(shared_end));
      }
      const auto line = static_cast<std::uint16_t>(operand.mn_major ? j * per_chunk : i);
      const auto element = static_cast<std::uint16_t>(operand.mn_major ? i : j * per_chunk);
      chunks.push_back({address, line, element});
    }
  }
  return chunks;
}

void read_operand(const std::vector<OperandChunk>& chunks, const SharedOperand& operand,
                  const std::byte* shared, std::vector<std::uint32_t>& codes) {
  codes.resize(operand.lines * operand.elements);
  std::array<std::uint32_t, 32> unpacked;
  for (const OperandChunk& chunk : chunks) {
    const std::size_t count = unpack(operand.packing, shared + chunk.address, unpacked);
    std::uint32_t* const to = codes.data() + chunk.line * operand.elements + chunk.element;
    if (operand.mn_major) {
      const std::size_t here = std::min(count, operand.lines - chunk.line);
      for (std::size_t i = 0; i < here; ++i) {
        to[i * operand.elements] = unpacked[i];
      }
    } else {
      std::copy_n(unpacked.begin(), std::min(count, operand.elements - chunk.element), to);
    }
  }
}

OperandWavefronts operand_wavefronts(const std::vector<OperandChunk>& chunks,
                                     const SharedOperand& operand) {
  const std::size_t down = operand.mn_major ? operand.elements : operand.lines;
  const std::size_t across = down == 0 ? 0 : chunks.size() / down;
  OperandWavefronts result;
  for (std::size_t first = 0; first < down; first += kCoreLines) {
    const std::size_t count = std::min<std::size_t>(kCoreLines, down - first);
    for (std::size_t j = 0; j < across; ++j) {
      std::array<std::uint32_t, 8> by_banks{};
      for (std::size_t i = first; i < first + count; ++i) {
        ++by_banks[chunks[i * across + j].address / kChunkBytes % by_banks.size()];
      }
      result.taken += *std::max_element(by_banks.begin(), by_banks.end());
      ++result.minimum;
    }
  }
  return result;
}

std::vector<SharedRun> runs_of(const std::vector<OperandChunk>& chunks) {
  std::vector<std::uint32_t> begins(chunks.size());
  std::transform(chunks.begin(), chunks.end(), begins.begin(),
                 [](const OperandChunk& chunk) { return chunk.address; });
  std::sort(begins.begin(), begins.end());
  std::vector<SharedRun> runs;
  for (const std::uint32_t begin : begins) {
    if (!runs.empty() && begin <= runs.back().end) {
      runs.back().end = begin + kChunkBytes;
    } else {
      runs.push_back({begin, begin + kChunkBytes});
    }
  }
  return runs;
}

}  // namespace rackproof::emulator::tensor
