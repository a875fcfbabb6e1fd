#pragma once
/// Which tcgen05 kernel a problem runs on: a table of candidates, and a model that says how long
/// each would take.

#include "kernels/gemm/gemm.hpp"
#include "kernels/gemm/gemm_workload.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace rackproof::kernels::gemm::sm100 {

/// What a variant chooses from.
enum class Family : std::uint8_t {
  any,             ///< all but `fixed` and the wide ones
  fixed,           ///< whole tiles of a pair or a CTA, each with a fixed share of them
  multicast,       ///< whole tiles of two pairs that share B
  swapped,         ///< few rows: whole tiles of swapped operands
  slices,          ///< tiles in slices of K (split-K)
  streamed,        ///< even shares of the K-tiles of all tiles (stream-K)
  wide,            ///< whole tiles by 96 of K an instruction
  wide_fixed,      ///< the same of a pair or a CTA, each with a fixed share of them
  wide_multicast,  ///< the same of two pairs that share B
};

struct Candidate {
  const GemmKernel* kernel = nullptr;
  KSplit split;
};

/// Cycles of an SM. Units work at the same time, so the slowest one counts, and a tenth of what the
/// others need; what happens before the first and after the last product comes on top.
struct ModelledCycles {
  double tensor = 0;  ///< matrix unit of the busiest SM
  double copies = 0;  ///< from L2 into the busiest SM
  double memory = 0;  ///< compulsory bytes, at the rate of all of the device's memory
  double ends = 0;    ///< first copies, last results, partial sums written and added
  [[nodiscard]] double total() const;
};

/// The rates are those of the 10.x devices: README.md has the arithmetic.
[[nodiscard]] ModelledCycles model(const Candidate& candidate, const GemmProblem& problem,
                                   const DeviceLimits& limits);

/// The kernels of the family that are meant for the problem and fit the device; simplest first. Of
/// swapped operands the fewest columns that hold all rows of A, of slices the number that the model
/// finds best.
[[nodiscard]] std::vector<Candidate> candidates(Family family, const GemmProblem& problem,
                                                const DeviceLimits& limits);

/// Why the family has nothing for a problem of its types, or nothing.
[[nodiscard]] std::optional<std::string> family_declines(Family family, const GemmProblem& problem);

/// The candidate with the fewest modelled cycles. A later one must win by 3 %: what is simpler has
/// fewer ways to be slower than modelled. Throws runtime::NotAvailable if none fits the device.
[[nodiscard]] TileChoice choose_kernel(Family family, const GemmProblem& problem,
                                       const DeviceLimits& limits);

}  // namespace rackproof::kernels::gemm::sm100
