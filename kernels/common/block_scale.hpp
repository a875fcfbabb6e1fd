#pragma once
/// Block-scaled types: rows of narrow elements, of which neighbours share a scale.
///
///   mxfp8   e4m3 elements, a ue8m0 scale (2^(code - 127)) for each 32 of them (OCP Microscaling
///           Formats Specification 1.0)
///   mxfp4   e2m1 elements, two a byte, the lower four bits first; a ue8m0 scale for each 32 (same
///           source)
///   nvfp4   the same elements; a ue4m3 scale for each 16
///
/// Scales of a matrix lie as the matrix units read them: blocks of 128 rows x 4 scales, 512 bytes;
/// blocks along a row follow one another, then come the next 128 rows. In a block, row r and scale
/// s are byte (r % 32) * 16 + r / 32 * 4 + s (PTX ISA 9.0, 9.7.16.10.7; cuBLASLt's "128x4" layout).

#include "kernels/common/element_type.hpp"

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace rackproof::kernels {

/// Neighbours in a row that share a scale; 0 for types without scales.
[[nodiscard]] int scale_interval(ElementType type);

inline constexpr std::int64_t kScaleBlockRows = 128;
inline constexpr std::int64_t kScaleBlockScales = 4;
inline constexpr std::int64_t kScaleBlockBytes = kScaleBlockRows * kScaleBlockScales;

/// Blocks that hold the scales of a row of `columns` elements.
[[nodiscard]] std::int64_t scale_blocks_of_row(ElementType type, std::int64_t columns);
/// Bytes of the scales of a matrix, those of rows and columns that fill blocks included; 0 for
/// types without scales.
[[nodiscard]] std::int64_t scale_bytes(ElementType type, std::int64_t rows, std::int64_t columns);
/// Byte of the scale number `scale` of row `row`, in a matrix of `blocks_of_row` blocks a row.
[[nodiscard]] __host__ __device__ constexpr std::size_t scale_offset(std::int64_t row,
                                                                     std::int64_t scale,
                                                                     std::int64_t blocks_of_row) {
  const std::int64_t block = row / kScaleBlockRows * blocks_of_row + scale / kScaleBlockScales;
  const std::int64_t inside = row % kScaleBlockRows;
  return static_cast<std::size_t>(block * kScaleBlockBytes + inside % 32 * 16 + inside / 32 * 4 +
                                  scale % kScaleBlockScales);
}

/// e2m1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and a sign in bit 3.
[[nodiscard]] float fp4_e2m1_to_float(std::uint8_t code);
/// The scale that a code of `type`'s scales stands for.
[[nodiscard]] float scale_to_float(ElementType type, std::uint8_t code);

/// Row `row` of a matrix as numbers, exactly: element x scale. `elements` is that row alone,
/// `scales` the whole matrix's.
void decode_scaled_row(ElementType type, const std::byte* elements, const std::byte* scales,
                       std::int64_t row, std::span<double> values);

}  // namespace rackproof::kernels
