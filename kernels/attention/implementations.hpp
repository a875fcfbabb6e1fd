#pragma once
/// The kernels that implement attention, in priority order. Adding one: its .cu, its
/// functions in arguments.hpp and one line in implementations.cpp.

#include "kernels/attention/arguments.hpp"

#include <span>

namespace rackproof::kernels::attention {

/// How a kernel cuts a problem into CTAs, for plans that fill whole waves.
struct CtaGeometry {
  std::int64_t query_tile = 0;     ///< rows of one CTA
  std::int64_t blocks_per_sm = 0;  ///< CTAs resident on one SM
};

struct Implementation {
  Variant variant;
  CtaGeometry (*geometry)(std::int64_t head_dim, std::uint64_t shared_bytes_per_sm);
  void (*enable)(const AttentionProblem&);  ///< once, on the device that will launch
  void (*launch)(const AttentionProblem&, const AttentionArguments&, const TileOrder&,
                 cudaStream_t);
  KernelResources (*resources)(const AttentionProblem&);
};

[[nodiscard]] std::span<const Implementation> implementations();
/// The one of that name; throws std::invalid_argument for a variant that is not of this operation.
[[nodiscard]] const Implementation& implementation_of(const Variant& variant);
/// Whether the variant's range of compute capabilities holds `cc`.
[[nodiscard]] bool runs_on(const Variant& variant, ComputeCapability cc);
/// The first that runs on `cc`; nullptr if there is none.
[[nodiscard]] const Implementation* first_implementation(ComputeCapability cc);

}  // namespace rackproof::kernels::attention
