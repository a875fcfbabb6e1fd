#pragma once
/// ncclGroupStart / ncclGroupEnd: what one thread calls in between happens at the end, together.

#include "emulator/api_nccl/communicator.hpp"
#include "emulator/api_nccl/exchange.hpp"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <memory>

namespace rackproof::emulator::api_nccl {

void group_start();
/// The first error of the group; ncclInProgress if non-blocking communicators are still busy.
ncclResult_t group_end();

/// Waits for `comm` now (blocking), at the end of the group, or not at all (non-blocking).
ncclResult_t complete(const std::shared_ptr<CommState>& comm);

/// Enqueues now, or at the end of the group.
ncclResult_t submit(const std::shared_ptr<CommState>& comm, const Call& call, cudaStream_t stream);

/// Makes group_end() return `error`; returns it.
ncclResult_t fail_group(ncclResult_t error);

}  // namespace rackproof::emulator::api_nccl
