#pragma once
/// Quantises bf16 matrices to the block-scaled types mxfp8, mxfp4 and nvfp4
/// (kernels/common/block_scale.hpp has their layout). sm_100 and newer of compute capability 10.x.
///
/// Of the elements x of a block with largest magnitude a:
///   mxfp8   scale = 2^(floor(log2 a) - 8): the largest power of two in e4m3 is 2^8 (OCP
///           Microscaling Formats Specification 1.0, 6.3), code 0 to 254
///   mxfp4   scale = 2^(floor(log2 a) - 2): the largest power of two in e2m1 is 2^2 (the same)
///   nvfp4   scale = a / 6 rounded to nearest in e4m3: 6 is the largest e2m1
///   element = x / scale (the quotient in fp32, rounded to nearest even), rounded to nearest even
///             and saturated; 0 if the scale is 0
/// a = 0 gives the scale code 0. Not for NaN and infinity.

#include "kernels/common/element_type.hpp"

#include <cuda_runtime_api.h>

#include <cstdint>

namespace rackproof::kernels::quantize {

struct QuantizeArguments {
  const void* source = nullptr;  ///< `rows` rows of `columns` bf16, dense; 32-byte aligned
  void* elements = nullptr;      ///< `rows` rows, `element_row_bytes` apart; 32-byte aligned
  void* scales = nullptr;        ///< scale_bytes(): blocks are filled with 0 beyond the matrix
  std::int64_t element_row_bytes = 0;  ///< a multiple of 16
  int rows = 0;
  int columns = 0;  ///< a multiple of 32
};

/// Enqueues it. Throws std::invalid_argument for another type or columns that are no multiple of
/// 32.
void quantize(ElementType type, const QuantizeArguments& arguments, cudaStream_t stream);

}  // namespace rackproof::kernels::quantize
