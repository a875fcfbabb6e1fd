#pragma once
/// A tensor in global memory and the boxes that the tensor memory accelerator moves of it: what the
/// 128 opaque bytes of a CUtensorMap mean here (PTX ISA 9.0, section 5.5; CUDA driver API, tensor
/// map object management). The format is the emulator's own.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace rackproof::emulator::async {

/// In the order of CUtensorMapDataType.
enum class TensorElement : std::uint8_t {
  u8,
  u16,
  u32,
  s32,
  u64,
  s64,
  f16,
  f32,
  f64,
  bf16,
  f32_ftz,
  tf32,
  tf32_ftz,
  b4x16,      ///< 16 of 4 bits in 8 bytes, here and there
  b4x16_p64,  ///< in shared memory followed by 8 bytes of padding
  b6x16_p32,  ///< 16 of 6 bits in 12 bytes, in shared memory followed by 4 of padding
};
inline constexpr std::uint32_t kTensorElements = 16;
enum class TensorMode : std::uint8_t { tiled, im2col, im2col_wide };
/// In the order of CUtensorMapInterleave.
enum class TensorInterleave : std::uint8_t { none, bytes_16, bytes_32 };
/// In the order of CUtensorMapSwizzle.
enum class TensorSwizzle : std::uint8_t {
  none,
  span_32,
  span_64,
  span_128,
  span_128_atom_32,
  span_128_atom_32_flip_8,
  span_128_atom_64
};
enum class TensorFill : std::uint8_t { zero, nan };

[[nodiscard]] bool is_float(TensorElement element);
/// 4- and 6-bit elements in containers.
[[nodiscard]] bool is_packed(TensorElement element);
/// Bytes that `count` elements take; of packed ones `count` is even, and of those with padding a
/// multiple of 16.
[[nodiscard]] std::uint64_t global_bytes(TensorElement element, std::uint64_t count);
[[nodiscard]] std::uint64_t shared_bytes(TensorElement element, std::uint64_t count);

/// Where the byte at a shared address goes: XOR of address bits, so that the pattern is that of the
/// address and not of the box.
[[nodiscard]] constexpr std::uint64_t swizzled(TensorSwizzle swizzle, std::uint64_t address) {
  switch (swizzle) {
    case TensorSwizzle::none:
      break;
    case TensorSwizzle::span_32:
      return address ^ (address >> 7 & 1) << 4;
    case TensorSwizzle::span_64:
      return address ^ (address >> 7 & 3) << 4;
    case TensorSwizzle::span_128:
      return address ^ (address >> 7 & 7) << 4;
    case TensorSwizzle::span_128_atom_32:
      return address ^ (address >> 7 & 3) << 5;
    case TensorSwizzle::span_128_atom_32_flip_8:
      return address ^ (address >> 7 & 3) << 5 ^ (address >> 7 & 1) << 3;
    case TensorSwizzle::span_128_atom_64:
      return address ^ (address >> 7 & 1) << 6;
  }
  return address;
}

struct TensorMap {
  static constexpr std::uint32_t kMagic = 0x4d545052;
  static constexpr std::size_t kBytes = 128;

  std::uint32_t magic = kMagic;
  TensorElement element = TensorElement::u8;
  std::uint8_t rank = 1;
  TensorMode mode = TensorMode::tiled;
  TensorInterleave interleave = TensorInterleave::none;
  TensorSwizzle swizzle = TensorSwizzle::none;
  TensorFill fill = TensorFill::zero;
  bool is_wide_128 = false;  ///< im2col_wide: always 128 pixels
  std::uint8_t l2_promotion = 0;
  std::array<std::uint8_t, 5> element_strides{1, 1, 1, 1, 1};
  std::uint64_t address = 0;
  std::array<std::uint32_t, 5> last_index{};  ///< size of each dimension - 1, the innermost first
  std::array<std::uint16_t, 5> box{1, 1, 1, 1, 1};  ///< elements to traverse; tiled
  std::array<std::uint64_t, 4> strides{};           ///< bytes, of dimensions 1 to 4
  std::uint16_t channels = 0;                       ///< im2col: elements of dimension 0
  std::uint16_t pixels = 0;                         ///< im2col: of the others together
  std::array<std::int16_t, 3> lower{};              ///< im2col: corners, W first
  std::array<std::int16_t, 3> upper{};
  std::array<std::uint64_t, 2> unused{};

  [[nodiscard]] std::uint64_t size(std::size_t dimension) const {
    return std::uint64_t{last_index[dimension]} + 1;
  }
};
static_assert(sizeof(TensorMap) == TensorMap::kBytes);

/// The rule of CUDA's documentation that a map breaks; empty: none.
[[nodiscard]] std::string broken_rule(const TensorMap& map);

}  // namespace rackproof::emulator::async
