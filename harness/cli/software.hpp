#pragma once
/// Versions of everything that shapes a figure, as the libraries themselves report them.

#include "harness/record/record.hpp"

namespace rackproof::harness::cli {

/// For the record. Needs the CUDA runtime; each version missing with its reason where unknown.
[[nodiscard]] record::Software describe_software(const topology::Topology& topology);

/// Of the program itself (cmake/BuildInfo.cmake).
[[nodiscard]] record::Build describe_build();

}  // namespace rackproof::harness::cli
