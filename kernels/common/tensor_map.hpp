#pragma once
/// Tensor maps for the TMA unit, made by the driver's cuTensorMapEncodeTiled (CUDA Driver API 13.0,
/// "Tensor Map Object Management"), which the runtime looks up: nothing links to libcuda.

#include "kernels/common/element_type.hpp"

#include <cuda.h>

#include <cstdint>

namespace rackproof::kernels {

/// A row-major matrix in global memory and the box that one copy moves.
struct MatrixMap {
  const void* address = nullptr;  ///< a multiple of 16
  ElementType type = ElementType::bf16;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::int64_t row_stride_bytes = 0;  ///< a multiple of 16
  int box_rows = 0;                   ///< at most 256
  int box_columns = 0;                ///< 128 or 64 bytes: the width of the swizzle
};

/// With the swizzle of the box's width; elements outside the matrix are read as 0. Throws
/// runtime::NotAvailable without such a driver, std::invalid_argument for a matrix it refuses.
[[nodiscard]] CUtensorMap make_tensor_map(const MatrixMap& matrix);

/// Blocks of bytes in rows, copied as they are: rows of `row_bytes`, without a gap.
struct BlockMap {
  const void* address = nullptr;  ///< a multiple of 16
  std::int64_t rows = 0;
  std::int64_t row_bytes = 0;  ///< a multiple of 16
  int box_rows = 0;            ///< at most 256
  int box_bytes = 0;           ///< a multiple of 16, at most 2048
};
/// What one element of such a map's coordinates is.
inline constexpr int kBlockMapElementBytes = 8;

/// Without a swizzle; errors as above.
[[nodiscard]] CUtensorMap make_block_map(const BlockMap& blocks);

}  // namespace rackproof::kernels
