#include "kernels/memory/memory_plan.hpp"

#include <array>
#include <cstdio>

namespace rackproof::kernels::memory {
namespace {

/// Bytes of one array of a pattern, and why.
struct ArraySize {
  std::uint64_t bytes = 0;
  std::string reason;
};

std::string compact(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
constexpr double kMebibyte = 1024.0 * 1024.0;

ArraySize share_of_memory(ParamReader& params, const SizingContext& context, int arrays) {
  const double share = params.number_or("share", 0.2);
  if (!(share > 0 && share <= 0.9)) {
    throw ParamError("share", "must be above 0 and at most 0.9 of the free device memory");
  }
  const double total_bytes = share * static_cast<double>(context.memory_bytes);
  return {.bytes = static_cast<std::uint64_t>(total_bytes / arrays),
          .reason = std::to_string(arrays) + (arrays == 1 ? " array" : " arrays") + " in " +
                    compact(share * 100) + " % of " +
                    compact(static_cast<double>(context.memory_bytes) / kGibibyte) +
                    " GiB of free device memory"};
}

ArraySize multiple_of_l2(ParamReader& params, const SizingContext& context) {
  const double multiple = params.number_or("l2_multiple", 4);
  if (!(multiple > 0 && multiple <= 4096)) {
    throw ParamError("l2_multiple", "must be above 0 and at most 4096");
  }
  const auto l2_bytes = static_cast<double>(context.l2_bytes);
  return {.bytes = static_cast<std::uint64_t>(multiple * l2_bytes),
          .reason = "each array is " + compact(multiple) + " times the L2 of " +
                    compact(l2_bytes / kMebibyte) + " MiB"};
}

ArraySize explicit_bytes(ParamReader& params) {
  const std::int64_t bytes = params.integer("bytes");
  if (bytes < 1) {
    throw ParamError("bytes", "must be above 0, found " + std::to_string(bytes));
  }
  return {.bytes = static_cast<std::uint64_t>(bytes), .reason = "as the suite says"};
}

}  // namespace

std::vector<PlannedProblem> plan_memory(ParamReader& params, const SizingContext& context) {
  const bool by_share = params.has("share");
  const bool by_bytes = params.has("bytes");
  const bool by_l2 = params.has("l2_multiple");
  if (int{by_share} + int{by_bytes} + int{by_l2} > 1) {
    throw ParamError(by_share ? "share" : "bytes",
                     "give only one of \"share\", \"bytes\" and \"l2_multiple\"");
  }
  std::vector<PlannedProblem> problems;
  for (const std::string& name : params.texts_or("pattern", {"copy", "triad", "read"})) {
    const Pattern pattern = pattern_from(name);
    const ArraySize size = by_bytes ? explicit_bytes(params)
                           : by_l2
                               ? multiple_of_l2(params, context)
                               : share_of_memory(params, context, pattern_work(pattern).arrays());
    problems.push_back({std::make_shared<MemoryProblem>(pattern, size.bytes), size.reason});
  }
  return problems;
}

}  // namespace rackproof::kernels::memory
