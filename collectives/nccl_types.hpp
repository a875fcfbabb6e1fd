#pragma once
/// The vocabulary of types.hpp in NCCL's terms.

#include "collectives/types.hpp"

#include <nccl.h>

namespace rackproof::collectives {

[[nodiscard]] constexpr ncclDataType_t to_nccl(DataType type) {
  switch (type) {
    case DataType::float32:
      return ncclFloat32;
    case DataType::bfloat16:
      return ncclBfloat16;
    case DataType::int32:
      return ncclInt32;
  }
  return ncclNumTypes;
}

[[nodiscard]] constexpr ncclRedOp_t to_nccl(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
      return ncclSum;
    case ReduceOp::min:
      return ncclMin;
    case ReduceOp::max:
      return ncclMax;
  }
  return ncclNumOps;
}

}  // namespace rackproof::collectives
