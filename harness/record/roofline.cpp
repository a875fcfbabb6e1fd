#include "harness/record/roofline.hpp"

#include <fmt/format.h>

namespace rackproof::harness::record {
namespace {

Roofline bound(double peak, std::string_view unit, std::string_view limiter, std::string source,
               Basis basis) {
  Roofline result;
  result.peak = peak;
  result.unit = unit;
  result.limiter = limiter;
  result.source = std::move(source);
  result.basis = basis;
  return result;
}

}  // namespace

Reported<Roofline> kernel_roofline(const kernels::Work& work, std::string_view unit,
                                   std::string_view format,
                                   const Reported<topology::RackFacts>& rack_model, Basis basis) {
  if (!rack_model) {
    return Reported<Roofline>::missing(rack_model.reason());
  }
  const topology::RackFacts& facts = *rack_model;
  if (unit == kGbPerS) {
    return bound(facts.memory_gb_per_s, unit, "memory",
                 fmt::format("memory bandwidth of {}: {}", facts.id, facts.memory_source), basis);
  }
  const auto peak = facts.dense_tflops.find(format);
  if (peak == facts.dense_tflops.end()) {
    return Reported<Roofline>::missing(
        fmt::format("rack model {} has no dense peak for '{}'", facts.id, format));
  }
  constexpr double kGbPerTb = 1000;
  const double memory_bound_tflops = work.flops / work.bytes * facts.memory_gb_per_s / kGbPerTb;
  if (memory_bound_tflops < peak->second) {
    return bound(memory_bound_tflops, unit, "memory",
                 fmt::format("memory bandwidth of {} times {:.4g} {}/byte: {}", facts.id,
                             work.flops / work.bytes, unit == kTops ? "operations" : "flop",
                             facts.memory_source),
                 basis);
  }
  return bound(peak->second, unit, "compute",
               fmt::format("dense {} peak of {}: {}", format, facts.id, facts.source), basis);
}

Reported<Roofline> collective_roofline(bool within_nvlink_domain,
                                       const Reported<topology::RackFacts>& rack_model,
                                       Basis basis) {
  if (!within_nvlink_domain) {
    return Reported<Roofline>::missing(
        "the communicator crosses NVLink domains; rack files hold no network rate");
  }
  if (!rack_model) {
    return Reported<Roofline>::missing(rack_model.reason());
  }
  return bound(rack_model->nvlink_gb_per_s, kGbPerS, "link",
               fmt::format("NVLink payload per GPU and direction of {}: {}", rack_model->id,
                           rack_model->nvlink_source),
               basis);
}

}  // namespace rackproof::harness::record
