#include "kernels/attention/implementations.hpp"

#include "kernels/attention/sm80_config.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace rackproof::kernels::attention {
namespace {

CtaGeometry sm80_geometry(std::int64_t head_dim, std::uint64_t shared_bytes_per_sm) {
  const Sm80Config& config = sm80_config(head_dim);
  return {.query_tile = config.query_tile,
          .blocks_per_sm = config.blocks_per_sm(shared_bytes_per_sm)};
}

bool needs_packed_kernel(const AttentionProblem& problem) {
  return problem.packed() || problem.windowed();
}

void enable(const AttentionProblem& problem) {
  return needs_packed_kernel(problem) ? enable_packed_sm80(problem) : enable_sm80(problem);
}

void launch(const AttentionProblem& problem, const AttentionArguments& arguments,
            const TileOrder& order, cudaStream_t stream) {
  return needs_packed_kernel(problem) ? launch_packed_sm80(problem, arguments, stream)
                                      : launch_sm80(problem, arguments, order, stream);
}

KernelResources resources(const AttentionProblem& problem) {
  return needs_packed_kernel(problem) ? packed_sm80_resources(problem) : sm80_resources(problem);
}

}  // namespace

std::span<const Implementation> implementations() {
  static constexpr std::array<Implementation, 1> kAll{{
      {.variant = {.name = "sm80", .minimum_cc = {8, 0}, .maximum_cc = {99, 9}},
       .geometry = &sm80_geometry,
       .enable = &enable,
       .launch = &launch,
       .resources = &resources},
  }};
  return kAll;
}

const Implementation& implementation_of(const Variant& variant) {
  const auto all = implementations();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Implementation& candidate) {
    return candidate.variant.name == variant.name;
  });
  if (found == all.end()) {
    throw std::invalid_argument("attention has no variant '" + std::string(variant.name) + "'");
  }
  return *found;
}

bool runs_on(const Variant& variant, ComputeCapability cc) {
  return variant.minimum_cc <= cc && cc <= variant.maximum_cc;
}

const Implementation* first_implementation(ComputeCapability cc) {
  const auto all = implementations();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Implementation& candidate) {
    return runs_on(candidate.variant, cc);
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace rackproof::kernels::attention
