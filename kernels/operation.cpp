#include "kernels/operation.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <vector>

namespace rackproof::kernels {
namespace {

constexpr const char* kForceVariable = "RACKPROOF_VARIANT";

/// Why each variant cannot run a problem; those with the same reason share it.
class RefusedVariants {
 public:
  void add(std::string_view variant, const std::string& reason) {
    const auto same = std::find_if(entries_.begin(), entries_.end(),
                                   [&](const Entry& entry) { return entry.reason == reason; });
    if (same != entries_.end()) {
      same->names += ", " + std::string(variant);
    } else {
      entries_.push_back({std::string(variant), reason});
    }
  }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const Entry& entry : entries_) {
      text += (text.empty() ? "" : "; ") + entry.names + ": " + entry.reason;
    }
    return text;
  }

 private:
  struct Entry {
    std::string names;
    std::string reason;
  };
  std::vector<Entry> entries_;
};

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
  RefusedVariants refused;
  for (const Variant& variant : operation.variants()) {
    if (forced && variant.name != *forced) {
      continue;
    }
    const std::optional<NotSupported> unsupported = operation.unsupported(variant, problem, cc);
    if (!unsupported) {
      return &variant;
    }
    refused.add(variant.name, unsupported->reason);
  }
  if (forced && refused.empty()) {
    return NotSupported{std::string(kForceVariable) + " names '" + std::string(*forced) +
                        "', but " + std::string(operation.name()) +
                        " has only: " + names_of(operation.variants())};
  }
  return NotSupported{"no variant of " + std::string(operation.name()) +
                      " runs this problem on compute capability " + to_string(cc) + " (" +
                      refused.text() + ")"};
}

}  // namespace rackproof::kernels
