// Special registers: PTX ISA 9.0, chapter 10.
#include "emulator/exec/cta.hpp"
#include "emulator/exec/handlers.hpp"

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <string_view>

namespace rackproof::emulator::exec {
namespace {

template <class T>
void fill(LaneContext& lanes, const Op& op, std::uint32_t mask, T value) {
  T* const dst = reinterpret_cast<T*>(lanes.base[0] + op.dst);
  if (mask == kFullMask) {
    std::fill_n(dst, kWarpSize, value);
    return;
  }
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    dst[lane] = (mask >> lane & 1U) != 0 ? value : dst[lane];
  }
}

std::uint32_t component(const Dim3& dimensions, std::int64_t index) {
  return index == 0 ? dimensions.x : index == 1 ? dimensions.y : index == 2 ? dimensions.z : 0;
}

void thread_index(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const Dim3& block = warp.cta().grid().config.block;
  auto* const dst = reinterpret_cast<std::uint32_t*>(lanes.base[0] + op.dst);
  const std::uint32_t linear = warp.index() * kWarpSize;
  Dim3 id{linear % block.x, linear / block.x % block.y, linear / block.x / block.y};
  if (id.x + kWarpSize <= block.x) {
    // The warp lies within one row.
    if (op.immediate != 0) {
      fill(lanes, op, mask, component(id, op.immediate));
      return;
    }
    if (mask == kFullMask) {
      std::iota(dst, dst + kWarpSize, id.x);
      return;
    }
  }
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    dst[lane] = (mask >> lane & 1U) != 0 ? component(id, op.immediate) : dst[lane];
    if (++id.x == block.x) {
      id.x = 0;
      if (++id.y == block.y) {
        id.y = 0;
        ++id.z;
      }
    }
  }
}

using Select = const Dim3& (*)(const Cta&, const LaunchConfig&);
template <Select kSelect>
void dimension(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  Cta& cta = static_cast<Warp&>(lanes).cta();
  fill(lanes, op, mask, component(kSelect(cta, cta.grid().config), op.immediate));
}
const Dim3& block_size(const Cta&, const LaunchConfig& config) {
  return config.block;
}
const Dim3& block_index(const Cta& cta, const LaunchConfig&) {
  return cta.id();
}
const Dim3& grid_size(const Cta&, const LaunchConfig& config) {
  return config.grid;
}
const Dim3& cluster_size(const Cta&, const LaunchConfig& config) {
  return config.cluster;
}

enum class ClusterValue : std::uint8_t { id, count, cta_id };
template <ClusterValue kValue>
void cluster_dimension(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  Cta& cta = static_cast<Warp&>(lanes).cta();
  const std::uint32_t size =
      op.immediate < 3 ? component(cta.grid().config.cluster, op.immediate) : 1;
  const std::uint32_t index = component(cta.id(), op.immediate);
  const std::uint32_t count = component(cta.grid().config.grid, op.immediate);
  fill(lanes, op, mask,
       kValue == ClusterValue::id      ? index / size
       : kValue == ClusterValue::count ? (count + size - 1) / size
                                       : index % size);
}
void cluster_rank(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, static_cast<Warp&>(lanes).cta().rank());
}
void cluster_threads(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask,
       static_cast<std::uint32_t>(static_cast<Warp&>(lanes).cta().grid().config.cluster.count()));
}
void explicit_cluster(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  const bool is_cluster = static_cast<Warp&>(lanes).cta().grid().config.explicit_cluster;
  auto& word = *reinterpret_cast<std::uint32_t*>(lanes.base[0] + op.dst);
  word = is_cluster ? word | mask : word & ~mask;
}

void lane_index(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = reinterpret_cast<std::uint32_t*>(lanes.base[0] + op.dst);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    dst[lane] = (mask >> lane & 1U) != 0 ? lane : dst[lane];
  }
}
// immediate: 0 eq, 1 le, 2 lt, 3 ge, 4 gt
void lane_mask(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto* const dst = reinterpret_cast<std::uint32_t*>(lanes.base[0] + op.dst);
  for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) {
    const std::uint32_t own = 1U << lane;
    const std::uint32_t below = own - 1;
    const std::uint32_t values[] = {own, own | below, below, ~below, ~(own | below)};
    dst[lane] = (mask >> lane & 1U) != 0 ? values[op.immediate] : dst[lane];
  }
}

std::uint64_t clock_cycles(const LaneContext& lanes) {
  auto& warp = static_cast<Warp&>(const_cast<LaneContext&>(lanes));
  return warp.cta().clock() + warp.executed();
}
void clock_low(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, static_cast<std::uint32_t>(clock_cycles(lanes)));
}
void clock_high(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, static_cast<std::uint32_t>(clock_cycles(lanes) >> 32));
}
void clock_wide(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, clock_cycles(lanes));
}
std::uint64_t nanoseconds(const LaneContext& lanes) {
  const LaunchConfig& config =
      static_cast<Warp&>(const_cast<LaneContext&>(lanes)).cta().grid().config;
  const double rate = config.clock_hz > 0 ? config.clock_hz : 1e9;
  return config.start_ns +
         static_cast<std::uint64_t>(static_cast<double>(clock_cycles(lanes)) * 1e9 / rate);
}
void global_timer(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, nanoseconds(lanes));
}
// immediate: bits to shift down
void global_timer_half(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, static_cast<std::uint32_t>(nanoseconds(lanes) >> op.immediate));
}

void constant_word(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  fill(lanes, op, mask, static_cast<std::uint32_t>(op.immediate));
}
// immediate: bits to shift down
void workspace_half(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  GridContext& grid = static_cast<Warp&>(lanes).cta().grid();
  const std::uint64_t address = grid.workspace;
  grid.wanted_workspace = grid.wanted_workspace || address == 0;
  fill(lanes, op, mask, static_cast<std::uint32_t>(address >> op.immediate));
}

enum class Scalar : std::uint8_t {
  warp,
  warps,
  sm,
  sms,
  total_shared,
  dynamic_shared,
  zero,
  zero64
};
template <Scalar kScalar>
void scalar(LaneContext& lanes, const Op& op, std::uint32_t mask) {
  auto& warp = static_cast<Warp&>(lanes);
  const LaunchConfig& config = warp.cta().grid().config;
  const std::uint32_t sms = config.multiprocessors == 0 ? 1 : config.multiprocessors;
  switch (kScalar) {
    case Scalar::warp:
      fill(lanes, op, mask, warp.index());
      break;
    case Scalar::warps:
      fill(lanes, op, mask, std::uint32_t{64});
      break;
    case Scalar::sm:
      fill(lanes, op, mask, static_cast<std::uint32_t>(warp.cta().linear_index() % sms));
      break;
    case Scalar::sms:
      fill(lanes, op, mask, sms);
      break;
    case Scalar::total_shared:
      fill(lanes, op, mask, warp.cta().shared_bytes());
      break;
    case Scalar::dynamic_shared:
      fill(lanes, op, mask, config.dynamic_shared_bytes);
      break;
    case Scalar::zero:
      fill(lanes, op, mask, std::uint32_t{0});
      break;
    case Scalar::zero64:
      fill(lanes, op, mask, std::uint64_t{0});
      break;
  }
}

struct Entry {
  Handler handler;
  std::uint32_t bytes;  ///< 0: a predicate
  std::int64_t immediate;
};

std::map<std::string, Entry, std::less<>> build() {
  std::map<std::string, Entry, std::less<>> table;
  const auto vector = [&table](const std::string& name, Handler handler) {
    for (std::int64_t i = 0; i < 4; ++i) {
      table[name + "." + "xyzw"[i]] = {handler, 4, i};
    }
  };
  vector("tid", thread_index);
  vector("ntid", dimension<block_size>);
  vector("ctaid", dimension<block_index>);
  vector("nctaid", dimension<grid_size>);
  vector("cluster_ctaid", cluster_dimension<ClusterValue::cta_id>);
  vector("cluster_nctaid", dimension<cluster_size>);
  vector("clusterid", cluster_dimension<ClusterValue::id>);
  vector("nclusterid", cluster_dimension<ClusterValue::count>);
  table["cluster_ctarank"] = {cluster_rank, 4, 0};
  table["cluster_nctarank"] = {cluster_threads, 4, 0};
  table["is_explicit_cluster"] = {explicit_cluster, 0, 0};
  table["laneid"] = {lane_index, 4, 0};
  table["lanemask_eq"] = {lane_mask, 4, 0};
  table["lanemask_le"] = {lane_mask, 4, 1};
  table["lanemask_lt"] = {lane_mask, 4, 2};
  table["lanemask_ge"] = {lane_mask, 4, 3};
  table["lanemask_gt"] = {lane_mask, 4, 4};
  table["clock"] = {clock_low, 4, 0};
  table["clock_hi"] = {clock_high, 4, 0};
  table["clock64"] = {clock_wide, 8, 0};
  table["globaltimer"] = {global_timer, 8, 0};
  table["globaltimer_lo"] = {global_timer_half, 4, 0};
  table["globaltimer_hi"] = {global_timer_half, 4, 32};
  table["warpid"] = {scalar<Scalar::warp>, 4, 0};
  table["nwarpid"] = {scalar<Scalar::warps>, 4, 0};
  table["smid"] = {scalar<Scalar::sm>, 4, 0};
  table["nsmid"] = {scalar<Scalar::sms>, 4, 0};
  table["gridid"] = {scalar<Scalar::zero64>, 8, 0};
  table["total_smem_size"] = {scalar<Scalar::total_shared>, 4, 0};
  table["aggr_smem_size"] = {scalar<Scalar::total_shared>, 4, 0};
  table["dynamic_smem_size"] = {scalar<Scalar::dynamic_shared>, 4, 0};
  // No performance monitor counts here, and no graph launches from the device.
  for (int i = 0; i < 8; ++i) {
    table["pm" + std::to_string(i)] = {scalar<Scalar::zero>, 4, 0};
    table["pm" + std::to_string(i) + "_64"] = {scalar<Scalar::zero64>, 8, 0};
  }
  table["current_graph_exec"] = {scalar<Scalar::zero64>, 8, 0};
  for (int i = 0; i < 32; ++i) {
    table["envreg" + std::to_string(i)] = {scalar<Scalar::zero>, 4, 0};
  }
  table["envreg1"] = {workspace_half, 4, 32};
  table["envreg2"] = {workspace_half, 4, 0};
  table["reserved_smem_offset_begin"] = {constant_word, 4, 0};
  table["reserved_smem_offset_end"] = {constant_word, 4, kReservedSharedBytes};
  table["reserved_smem_offset_cap"] = {constant_word, 4, kReservedSharedBytes};
  table["reserved_smem_offset_0"] = {constant_word, 4, 0};
  // Cooperative groups keep what warps of a tile exchange from here on.
  table["reserved_smem_offset_1"] = {constant_word, 4, kReservedSharedBytes / 2};
  return table;
}

}  // namespace

bool reads_time(Handler handler) {
  return handler == clock_low || handler == clock_high || handler == clock_wide ||
         handler == global_timer || handler == global_timer_half;
}

Handler special_register_handler(std::string_view name, std::uint32_t& bytes,
                                 std::int64_t& immediate) {
  static const auto table = build();
  const auto entry = table.find(name);
  if (entry == table.end()) {
    return nullptr;
  }
  bytes = entry->second.bytes;
  immediate = entry->second.immediate;
  return entry->second.handler;
}

}  // namespace rackproof::emulator::exec
