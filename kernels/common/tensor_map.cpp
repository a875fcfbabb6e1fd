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
    case ElementType::int8:
      return CU_TENSOR_MAP_DATA_TYPE_UINT8;
    case ElementType::tf32:
    case ElementType::fp32:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT32;
    case ElementType::int32:
      return CU_TENSOR_MAP_DATA_TYPE_INT32;
    case ElementType::fp64:
      return CU_TENSOR_MAP_DATA_TYPE_FLOAT64;
  }
  throw std::invalid_argument("no element type of a tensor map");
}

}  // namespace

CUtensorMap make_tensor_map(const MatrixMap& matrix) {
  static const Encode encode = find_encode();
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(matrix.columns),
                              static_cast<cuuint64_t>(matrix.rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(matrix.row_stride_bytes)};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(matrix.box_columns),
                            static_cast<cuuint32_t>(matrix.box_rows)};
  const cuuint32_t steps[] = {1, 1};
  CUtensorMap map{};
  // The maps of operands and results alike hold addresses that copies only read or only write.
  const CUresult result =
      encode(&map, data_type(matrix.type), 2, const_cast<void*>(matrix.address), sizes, strides,
             box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw std::invalid_argument(
        "cuTensorMapEncodeTiled refuses a matrix of " + std::to_string(matrix.rows) + " x " +
        std::to_string(matrix.columns) + ": error " + std::to_string(static_cast<int>(result)));
  }
  return map;
}

}  // namespace rackproof::kernels
