#pragma once
/// How long a collective takes on the emulated rack: first order, deterministic, basis "modelled".
///
/// t = t0 + sweeps * ceil(log2 n) * t1 + link bytes / link rate
///
/// Link bytes are those of a bandwidth-optimal ring (all-reduce: 2 (n-1)/n S). Not modelled: the
/// switch's own reduction (NVLS), protocol changes with size, contention, other traffic.

#include "emulator/api_nccl/exchange.hpp"
#include "emulator/engine/collective_hook.hpp"

namespace rackproof::emulator::api_nccl {

/// t0: launch and first synchronisation. NVIDIA/nccl src/graph/tuning.cc, baseLat, ring, LL.
inline constexpr double kBaseLatency_s = 6.6e-6;
/// t1: one hop over NVLink. NVIDIA/nccl src/graph/tuning.cc, hwLat, NVLink, tree, LL.
inline constexpr double kHopLatency_s = 0.6e-6;
/// Of the link's payload rate: 40.1 of 50 GB/s. NVIDIA/nccl src/graph/topo.h, SM100_NVLINK_BW.
inline constexpr double kLinkEfficiency = 0.80;

/// `crosses_domains`: some ranks have no NVLink to each other, and the host link carries the data.
[[nodiscard]] double modelled_duration_s(const Call& call, const engine::FabricModel& fabric,
                                         bool crosses_domains);

}  // namespace rackproof::emulator::api_nccl
