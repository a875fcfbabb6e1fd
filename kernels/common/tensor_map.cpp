#include "kernels/common/tensor_map.hpp"

#include "runtime/error.hpp"

#include <cudaTypedefs.h>
#include <cuda_runtime_api.h>

#include <stdexcept>
#include <string>

namespace rackproof::kernels {
namespace {

using Encode = PFN_cuTensorMapEncodeTiled_v12000;

Encode find_encode() {
  constexpr unsigned kSince = 12000;
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  RACKPROOF_CUDA(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, kSince,
                                                  cudaEnableDefault, &found));
  if (found != cudaDriverEntryPointSuccess || function == nullptr) {
    throw runtime::NotAvailable("the driver has no cuTensorMapEncodeTiled");
  }
  return reinterpret_cast<Encode>(function);
}

CUtensorMapDataType data_type(ElementType type) {
  switch (type) {
    case ElementType::bf16:
      return CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
    case ElementType::fp16:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT16;
    case ElementType::fp8_e4m3:
    case ElementType::fp8_e5m2:
    case ElementType::mxfp8:
    case ElementType::int8:
      return CU_TENSOR_MAP_DATA_TYPE_UINT8;
    case ElementType::tf32:
    case ElementType::fp32:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
    case ElementType::int32:
      return CU_TENSOR_MAP_DATA_TYPE_INT32;
    case ElementType::fp64:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT64;
    case ElementType::mxfp4:
    case ElementType::nvfp4:
      break;
  }
  throw std::invalid_argument("no element type of a tensor map");
}

/// A map of two dimensions.
struct PlaneMap {
  const void* address;
  CUtensorMapDataType type;
  CUtensorMapSwizzle swizzle;
  cuuint64_t columns;
  cuuint64_t rows;
  cuuint64_t row_stride_bytes;
  cuuint32_t box_columns;
  cuuint32_t box_rows;
};

/// Elements outside the matrix are read as 0.
CUtensorMap encode_plane(const PlaneMap& plane) {
  static const Encode encode = find_encode();
  const cuuint64_t sizes[] = {plane.columns, plane.rows};
  const cuuint64_t strides[] = {plane.row_stride_bytes};
  const cuuint32_t box[] = {plane.box_columns, plane.box_rows};
  const cuuint32_t steps[] = {1, 1};
  CUtensorMap map{};
  // The maps of operands and results alike hold addresses that copies only read or only write.
  const CUresult result =
      encode(&map, plane.type, 2, const_cast<void*>(plane.address), sizes, strides, box, steps,
             CU_TENSOR_MAP_INTERLEAVE_NONE, plane.swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw std::invalid_argument("cuTensorMapEncodeTiled refuses a matrix of " +
                                std::to_string(plane.rows) + " x " + std::to_string(plane.columns) +
                                ": error " + std::to_string(static_cast<int>(result)));
  }
  return map;
}

}  // namespace

CUtensorMap make_tensor_map(const MatrixMap& matrix) {
  constexpr std::int64_t kHalfLineBytes = 64;
  const auto box_bytes = std::int64_t{matrix.box_columns} * element_bits(matrix.type) / 8;
  return encode_plane({.address = matrix.address,
                       .type = data_type(matrix.type),
                       .swizzle = box_bytes == kHalfLineBytes ? CU_TENSOR_MAP_SWIZZLE_64B
                                                              : CU_TENSOR_MAP_SWIZZLE_128B,
                       .columns = static_cast<cuuint64_t>(matrix.columns),
                       .rows = static_cast<cuuint64_t>(matrix.rows),
                       .row_stride_bytes = static_cast<cuuint64_t>(matrix.row_stride_bytes),
                       .box_columns = static_cast<cuuint32_t>(matrix.box_columns),
                       .box_rows = static_cast<cuuint32_t>(matrix.box_rows)});
}

CUtensorMap make_block_map(const BlockMap& blocks) {
  return encode_plane(
      {.address = blocks.address,
       .type = CU_TENSOR_MAP_DATA_TYPE_UINT64,
       .swizzle = CU_TENSOR_MAP_SWIZZLE_NONE,
       .columns = static_cast<cuuint64_t>(blocks.row_bytes / kBlockMapElementBytes),
       .rows = static_cast<cuuint64_t>(blocks.rows),
       .row_stride_bytes = static_cast<cuuint64_t>(blocks.row_bytes),
       .box_columns = static_cast<cuuint32_t>(blocks.box_bytes / kBlockMapElementBytes),
       .box_rows = static_cast<cuuint32_t>(blocks.box_rows)});
}

}  // namespace rackproof::kernels
