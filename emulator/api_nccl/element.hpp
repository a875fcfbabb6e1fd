#pragma once
/// Element types and reductions on host-addressable device memory.

#include <nccl.h>

#include <cstddef>

namespace rackproof::emulator::api_nccl {

/// 0 for a type that NCCL does not define.
[[nodiscard]] std::size_t element_bytes(ncclDataType_t type);

/// accumulator[i] = op(accumulator[i], operand[i]), rounded to the element type at every step;
/// integers wrap. ncclAvg adds; finish_average() divides. Both pointers are aligned to the type.
void reduce_into(ncclDataType_t type, ncclRedOp_t op, void* accumulator, const void* operand,
                 std::size_t count);

/// values[i] /= ranks; integers round toward zero.
void finish_average(ncclDataType_t type, void* values, std::size_t count, int ranks);

}  // namespace rackproof::emulator::api_nccl
