#include "kernels/operation.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace rackproof::kernels {
namespace {

constexpr const char* kForceVariable = "RACKPROOF_VARIANT";

/// The name after "<operation>:" in the comma-separated environment variable, if there is one.
std::optional<std::string_view> forced_variant(std::string_view operation) {
  const char* setting = std::getenv(kForceVariable);  // NOLINT(concurrency-mt-unsafe): read only
  std::string_view rest = setting == nullptr ? std::string_view{} : std::string_view{setting};
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    const std::size_t colon = entry.find(':');
    if (colon != std::string_view::npos && entry.substr(0, colon) == operation) {
      return entry.substr(colon + 1);
    }
  }
  return std::nullopt;
}

std::string names_of(std::span<const Variant> variants) {
  std::string names;
  for (const Variant& variant : variants) {
    names += (names.empty() ? "" : ", ") + std::string(variant.name);
  }
  return names;
}

}  // namespace

std::string to_string(ComputeCapability cc) {
  return std::to_string(cc.major) + "." + std::to_string(cc.minor);
}

std::string_view to_string(ThroughputUnit unit) {
  switch (unit) {
    case ThroughputUnit::tflops:
      return "TFLOP/s";
    case ThroughputUnit::tops:
      return "TOP/s";
    case ThroughputUnit::gb_per_s:
      return "GB/s";
    case ThroughputUnit::ns_per_access:
      return "ns/access";
  }
  throw std::invalid_argument("not a ThroughputUnit");
}

double figure_of(const Work& work, ThroughputUnit unit, double time_s) {
  switch (unit) {
    case ThroughputUnit::tflops:
    case ThroughputUnit::tops:
      return work.flops / time_s / 1e12;
    case ThroughputUnit::gb_per_s:
      return work.bytes / time_s / 1e9;
    case ThroughputUnit::ns_per_access:
      return time_s * 1e9 / work.accesses;
  }
  throw std::invalid_argument("not a ThroughputUnit");
}

std::variant<const Variant*, NotSupported> choose_variant(const Operation& operation,
                                                          const Problem& problem,
                                                          ComputeCapability cc) {
  const std::optional<std::string_view> forced = forced_variant(operation.name());
  std::string reasons;
  for (const Variant& variant : operation.variants()) {
    if (forced && variant.name != *forced) {
      continue;
    }
    const std::optional<NotSupported> unsupported = operation.unsupported(variant, problem, cc);
    if (!unsupported) {
      return &variant;
    }
    reasons +=
        (reasons.empty() ? "" : "; ") + std::string(variant.name) + ": " + unsupported->reason;
  }
  if (forced && reasons.empty()) {
    return NotSupported{std::string(kForceVariable) + " names '" + std::string(*forced) +
                        "', but " + std::string(operation.name()) +
                        " has only: " + names_of(operation.variants())};
  }
  return NotSupported{"no variant of " + std::string(operation.name()) +
                      " runs this problem on compute capability " + to_string(cc) + " (" + reasons +
                      ")"};
}

}  // namespace rackproof::kernels
