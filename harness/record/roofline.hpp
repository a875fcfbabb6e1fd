#pragma once
/// The roofline of a benchmark: the lowest of the datasheet rates that bound it on one GPU.
/// Williams, Waterman, Patterson, "Roofline: an insightful visual performance model", CACM 2009.

#include "harness/record/record.hpp"

#include <string_view>

namespace rackproof::harness::record {

/// Bound of a kernel in `unit`. For kTflops and kTops: the smaller of the dense peak of `format`
/// and memory bandwidth times flops per compulsory byte. For kGbPerS: memory bandwidth. Missing,
/// with the reason, where the rack model is unknown or has no peak for `format`.
[[nodiscard]] Reported<Roofline> kernel_roofline(const kernels::Work& work, std::string_view unit,
                                                 std::string_view format,
                                                 const Reported<topology::RackFacts>& rack_model,
                                                 Basis basis);

/// Bound of what a collective moves over a GPU's links: NVLink payload per GPU and direction.
/// Missing where ranks talk over something else (`within_nvlink_domain` false), whose rate no rack
/// file holds.
[[nodiscard]] Reported<Roofline> collective_roofline(
    bool within_nvlink_domain, const Reported<topology::RackFacts>& rack_model, Basis basis);

}  // namespace rackproof::harness::record
