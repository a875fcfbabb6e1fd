#include "kernels/gemm/sm100/sm100_choice.hpp"

#include "kernels/common/block_scale.hpp"
#include "kernels/gemm/gemm_config.hpp"
#include "kernels/gemm/sm100/sm100_config.hpp"
#include "kernels/gemm/sm100/sm100_kernels.hpp"
#include "runtime/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace rackproof::kernels::gemm::sm100 {
namespace {

/// Matrix unit of an SM: 8,192 flop a cycle in 16 bits (B300: 8,101 measured, gb300-microbench),
/// inversely proportional to the width.
constexpr double kFlopBitsPerCycle = 8192.0 * 16;
/// 96 of K in the time of 64.
constexpr double kWideGain = 1.5;
/// L2 to one SM; the model of ../README.md, too.
constexpr double kCopyBytesPerCycle = 64;
/// 8 TB/s at the 2.0 GHz at which 152 SMs x 8,192 flop make 2.5 PFLOP/s.
constexpr double kMemoryBytesPerCycle = 4000;
/// From the first copy's issue to its arrival out of memory, about 800 ns.
constexpr double kFillCycles = 1600;
/// Partial sums to L2, the counter there, partial sums back: three trips of about 300 ns.
constexpr double kMeetCycles = 1800;

/// Units get into each other's way: assumed, so that of two kernels with the same limiter the one
/// that asks less of the others is taken.
constexpr double kNotHidden = 0.1;
constexpr double kLaterMustWinBy = 0.97;
constexpr std::int64_t kMostSlices = 32;

std::int64_t divide_up(std::int64_t value, std::int64_t divisor) {
  return (value + divisor - 1) / divisor;
}

/// Whole tiles that a family chooses from, simplest first.
struct FamilyTiles {
  Family family;
  std::span<const GemmKernel> (*kernels)(ElementType);
  bool forced = false;  ///< nothing else is in the family
};
constexpr std::array kWholeTiles{
    FamilyTiles{Family::any, &kernels},
    FamilyTiles{Family::any, &multicast_kernels},
    FamilyTiles{Family::fixed, &static_kernels},
    FamilyTiles{Family::multicast, &multicast_kernels, true},
    FamilyTiles{Family::wide, &wide_kernels},
    FamilyTiles{Family::wide, &wide_multicast_kernels},
    FamilyTiles{Family::wide_fixed, &static_wide_kernels},
    FamilyTiles{Family::wide_multicast, &wide_multicast_kernels, true},
};

/// Two pairs are chosen where both have rows; forced, they multiply what does not exist.
bool has_rows_for_all_groups(const GemmKernel& kernel, const GemmShape& shape) {
  return shape.m > std::int64_t{kernel.cluster_m - kernel.cta_group} * kernel.tile_m;
}

bool is_wide(Family family) {
  return family == Family::wide || family == Family::wide_fixed || family == Family::wide_multicast;
}

/// Of the CTA that has the most.
std::int64_t most_k_tiles(const Candidate& candidate, const GemmShape& shape,
                          const DeviceLimits& limits) {
  const GemmKernel& kernel = *candidate.kernel;
  if (candidate.split.stream_ctas != 0) {
    return candidate.split.k_tiles_per_slice;
  }
  const std::int64_t units = tiles_of(kernel, shape) * candidate.split.slices;
  const std::int64_t ctas =
      std::max(1, limits.multiprocessors / kernel.cluster_m) * std::int64_t{kernel.cluster_m};
  return divide_up(units, ctas) *
         (candidate.split.whole() ? k_tiles_of(kernel, shape) : candidate.split.k_tiles_per_slice);
}

/// That L2 delivers for one CTA, of operands and scales: the CTAs of a cluster share B.
double k_tile_bytes(const GemmKernel& kernel, ElementType type) {
  const auto shared = [&](std::int64_t count) {
    return static_cast<double>(count) / kernel.cluster_m;
  };
  const double rows = kernel.tile_m + shared(kernel.tile_n);
  const double blocks = static_cast<double>(divide_up(kernel.tile_m, kScaleBlockRows)) +
                        shared(divide_up(kernel.tile_n, kScaleBlockRows));
  return rows * kBankLineBytes +
         blocks * static_cast<double>(scale_blocks_of_row(type, kernel.tile_k) * kScaleBlockBytes);
}

std::string label(const Candidate& candidate) {
  const GemmKernel& kernel = *candidate.kernel;
  std::string text = std::to_string(kernel.tile_m * kernel.cluster_m) + "x" +
                     std::to_string(kernel.tile_n) +
                     (kernel.cluster_m > kernel.cta_group ? " of two pairs"
                      : kernel.cluster_m > 1              ? " of a pair"
                                                          : "") +
                     (kernel.swapped ? " swapped" : "");
  if (candidate.split.stream_ctas != 0) {
    return text + " streamed over " + std::to_string(candidate.split.stream_ctas) + " CTAs";
  }
  return candidate.split.whole()
             ? text
             : text + " in " + std::to_string(candidate.split.slices) + " slices";
}

/// The unit that limits, as the reason names it.
std::string limiter(const ModelledCycles& cycles) {
  const double most = std::max({cycles.tensor, cycles.copies, cycles.memory});
  return most == cycles.memory   ? "memory"
         : most == cycles.tensor ? "the matrix unit"
                                 : "copies from L2";
}

/// nullptr: none for the type.
const GemmKernel* narrowest_swapped(const GemmProblem& problem) {
  const GemmKernel* narrowest = nullptr;
  for (const GemmKernel& kernel : swapped_kernels(problem.type())) {
    if (is_meant_for(kernel, problem.shape())) {
      narrowest = &kernel;
    }
  }
  return narrowest;
}

/// Those whose CTAs can share the K-tiles of a tile.
std::vector<const GemmKernel*> sharing_kernels(const GemmProblem& problem) {
  std::vector<const GemmKernel*> found;
  for (const GemmKernel& kernel : kernels(problem.type())) {
    if (kernel.accumulator_bytes != 0) {
      found.push_back(&kernel);
    }
  }
  if (const GemmKernel* const swapped = narrowest_swapped(problem)) {
    found.push_back(swapped);
  }
  return found;
}

/// Stream-K numbers the K-tiles of all tiles.
bool counts_in_int(const GemmKernel& kernel, const GemmProblem& problem) {
  return tiles_of(kernel, problem.shape()) <=
         std::numeric_limits<int>::max() / k_tiles_of(kernel, problem.shape());
}

/// The number of slices, at least 2, with the fewest modelled cycles; nothing if K is too short.
std::optional<Candidate> best_slices(const GemmKernel& kernel, const GemmProblem& problem,
                                     const DeviceLimits& limits) {
  const GemmShape& shape = problem.shape();
  const std::int64_t most = std::min(kMostSlices, k_tiles_of(kernel, shape) / kLeastKTiles);
  std::optional<Candidate> best;
  double best_cycles = std::numeric_limits<double>::infinity();
  for (std::int64_t slices = 2; slices <= most; ++slices) {
    const Candidate candidate{&kernel, split_k(kernel, shape, static_cast<int>(slices))};
    const double cycles = model(candidate, problem, limits).total();
    if (cycles < best_cycles) {
      best = candidate;
      best_cycles = cycles;
    }
  }
  return best;
}

}  // namespace

double ModelledCycles::total() const {
  const double most = std::max({tensor, copies, memory});
  return most + kNotHidden * (tensor + copies + memory - most) + ends;
}

ModelledCycles model(const Candidate& candidate, const GemmProblem& problem,
                     const DeviceLimits& limits) {
  const GemmKernel& kernel = *candidate.kernel;
  const auto results = static_cast<double>(kernel.tile_m) * kernel.tile_n;
  const auto k_tiles = static_cast<double>(most_k_tiles(candidate, problem.shape(), limits));
  const double k_tile_flops = 2 * results * kernel.tile_k;
  ModelledCycles cycles{
      .tensor = k_tiles * k_tile_flops * static_cast<double>(element_bits(problem.type())) /
                (kernel.wide_steps ? kWideGain * kFlopBitsPerCycle : kFlopBitsPerCycle),
      .copies = k_tiles * k_tile_bytes(kernel, problem.type()) / kCopyBytesPerCycle,
      .memory = problem.work().bytes / kMemoryBytesPerCycle,
      .ends = kFillCycles + results * static_cast<double>(element_bytes(problem.result_type())) /
                                kCopyBytesPerCycle,
  };
  if (!candidate.split.whole()) {
    const double partial = results * kernel.accumulator_bytes / kCopyBytesPerCycle;
    cycles.ends += kMeetCycles + partial * (1 + candidate.split.slices);
  }
  return cycles;
}

std::vector<Candidate> candidates(Family family, const GemmProblem& problem,
                                  const DeviceLimits& limits) {
  const ElementType type = problem.type();
  std::vector<Candidate> found;
  const auto add = [&](const std::optional<Candidate>& candidate) {
    if (candidate && fits(*candidate->kernel, limits)) {
      found.push_back(*candidate);
    }
  };
  for (const FamilyTiles& each : kWholeTiles) {
    if (each.family == family) {
      for (const GemmKernel& kernel : each.kernels(type)) {
        if (each.forced || has_rows_for_all_groups(kernel, problem.shape())) {
          add(Candidate{&kernel, {}});
        }
      }
    }
  }
  if (is_wide(family)) {
    return found;
  }
  if (family == Family::any || family == Family::swapped) {
    if (const GemmKernel* const swapped = narrowest_swapped(problem)) {
      add(Candidate{swapped, {}});
    }
  }
  for (const GemmKernel* const kernel : sharing_kernels(problem)) {
    if (family == Family::any || family == Family::slices) {
      add(best_slices(*kernel, problem, limits));
    }
    if ((family == Family::any || family == Family::streamed) && counts_in_int(*kernel, problem)) {
      add(Candidate{kernel, stream_k(*kernel, problem.shape(), limits.multiprocessors)});
    }
  }
  return found;
}

std::optional<std::string> family_declines(Family family, const GemmProblem& problem) {
  if (is_wide(family) && problem.shape().m <= kCtaRows &&
      !swapped_kernels(problem.type()).empty()) {
    return "few rows: operands are swapped up to an M of " + std::to_string(kCtaRows) + ", found " +
           std::to_string(problem.shape().m);
  }
  if (family != Family::slices && family != Family::streamed) {
    return std::nullopt;
  }
  const std::vector<const GemmKernel*> sharing = sharing_kernels(problem);
  if (sharing.empty()) {
    return "has no kernel that shares K for " + std::string(to_string(problem.type()));
  }
  const std::int64_t least_k = 2 * kLeastKTiles * sharing.front()->tile_k;
  if (family == Family::slices && problem.shape().k < least_k) {
    return "slices need a K of at least " + std::to_string(least_k) + ", found " +
           std::to_string(problem.shape().k);
  }
  if (family == Family::streamed && !counts_in_int(*sharing.front(), problem)) {
    return std::string("has more K-tiles than an int counts");
  }
  return std::nullopt;
}

TileChoice choose_kernel(Family family, const GemmProblem& problem, const DeviceLimits& limits) {
  TileChoice best;
  ModelledCycles best_cycles;
  std::string table;
  std::string taken;
  for (const Candidate& candidate : candidates(family, problem, limits)) {
    const ModelledCycles cycles = model(candidate, problem, limits);
    table += (table.empty() ? "" : ", ") + label(candidate) + " " +
             std::to_string(std::llround(cycles.total()));
    if (best.kernel == nullptr || cycles.total() < kLaterMustWinBy * best_cycles.total()) {
      best.kernel = candidate.kernel;
      best.split = candidate.split;
      best_cycles = cycles;
      taken = label(candidate);
    }
  }
  if (best.kernel == nullptr) {
    throw runtime::NotAvailable("no tcgen05 tile fits the " +
                                std::to_string(limits.shared_bytes_per_block) +
                                " bytes of shared memory that a block may use here");
  }
  best.reason = taken + ": fewest modelled cycles on " + std::to_string(limits.multiprocessors) +
                " SMs, limited by " + limiter(best_cycles) + ", of " + table;
  return best;
}

}  // namespace rackproof::kernels::gemm::sm100
