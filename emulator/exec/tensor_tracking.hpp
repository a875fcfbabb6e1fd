#pragma once
/// Between tcgen05 instructions and the check of their order (check::TensorOrder): what is told of
/// them, and what a finding says. Without race checks nothing happens. All throw FaultRaised.

#include "emulator/check/clock.hpp"
#include "emulator/exec/op.hpp"
#include "emulator/exec/warp.hpp"
#include "emulator/tensor/tensor_fragment.hpp"
#include "emulator/tensor/tensor_operation.hpp"

#include <cstdint>

namespace rackproof::emulator::exec {

/// tcgen05.ld (`load`: TensorInstruction::load) or .st of these cells, by the whole warp.
void track_move(Warp& warp, tensor::TensorAddress first, const tensor::FragmentLayout& fragment,
                bool writes, std::uint32_t load);
void track_wait(Warp& warp, bool stores);
void track_fence_before(Warp& warp);
/// `counts`: it stands behind an mbarrier, so the warp means to fence its accesses.
void track_fence_after(Warp& warp, bool counts);
/// tcgen05.mma, .cp or .shift.
void track_operation(Warp& warp, std::uint32_t lane, std::uint32_t cta_group,
                     const tensor::TensorFootprint& footprint);
/// tcgen05.commit: what those who wait for it will know.
[[nodiscard]] check::Clock track_commit(Warp& warp);
void track_allocation(Warp& warp, std::uint32_t column, std::uint32_t columns);
void track_deallocation(Warp& warp, std::uint32_t lane, std::uint32_t column,
                        std::uint32_t columns);

}  // namespace rackproof::emulator::exec
