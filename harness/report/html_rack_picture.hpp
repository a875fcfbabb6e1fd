#pragma once
/// One rack as a picture: a row per tray, a cell per GPU, coloured by attainment in one benchmark.

#include "harness/report/summary.hpp"

#include <string>

namespace rackproof::harness::report {

/// What a picture shows: the colours of one benchmark, and wrong results of its whole operation.
struct PictureSubject {
  OperationGroup group;
  const record::Benchmark* benchmark = nullptr;
};

/// Attainment is shown in this many steps of equal width.
inline constexpr int kAttainmentSteps = 5;

/// The widest row of the rack: GPUs of a tray, present or not.
[[nodiscard]] std::size_t gpus_in_a_row(const record::Record& record, const topology::Rack& rack);

/// An SVG. Trays that the rack model has and the run has not are outlined.
[[nodiscard]] std::string rack_picture(const record::Record& record, const topology::Rack& rack,
                                       const PictureSubject& subject);

}  // namespace rackproof::harness::report
