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

/// The smallest L1 that shared memory may leave of the 128 KiB and more of sm_80 and newer is
/// larger than this.
constexpr std::uint64_t kL1ChaseBytes = 16384;

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

/// Of a pattern that is no stream: as large as what it measures.
ArraySize own_size(Pattern pattern, const SizingContext& context) {
  const auto l2_bytes = static_cast<double>(context.l2_bytes);
  const std::string l2 = "the L2 of " + compact(l2_bytes / kMebibyte) + " MiB";
  const auto part_of_l2 = [&](double share, const std::string& reason) {
    return ArraySize{static_cast<std::uint64_t>(share * l2_bytes), reason + l2};
  };
  switch (pattern) {
    case Pattern::l2_read:
      // GB300, B200, H100 and A100 have an L2 of two partitions, each of which may keep a copy of
      // what its half of the SMs reads: half of the L2 holds it, a quarter surely does.
      return part_of_l2(0.25, "a quarter of ");
    case Pattern::latency_l1:
      return {kL1ChaseBytes,
              compact(static_cast<double>(kL1ChaseBytes) / 1024) + " KiB fit in any L1"};
    case Pattern::latency_l2:
      return part_of_l2(0.125, "an eighth of ");
    default:
      return part_of_l2(4, "4 times ");
  }
}

/// Pointers that one launch of a chase follows. The start of the kernel and the first round of the
/// L1, whose misses cost some ten times a hit, are below 1 % of that.
std::uint64_t own_accesses(Pattern pattern) {
  constexpr std::uint64_t kRoundsOfL1 = 2048;
  constexpr std::uint64_t kThroughL2 = 65536;
  constexpr std::uint64_t kToMemory = 32768;
  return pattern == Pattern::latency_l1   ? kRoundsOfL1 * (kL1ChaseBytes / kNodeBytes)
         : pattern == Pattern::latency_l2 ? kThroughL2
                                          : kToMemory;
}

std::uint64_t positive(ParamReader& params, const char* key, std::uint64_t fallback) {
  const std::int64_t value = params.integer_or(key, static_cast<std::int64_t>(fallback));
  if (value < 1) {
    throw ParamError(key, "must be above 0, found " + std::to_string(value));
  }
  return static_cast<std::uint64_t>(value);
}

/// The keys that say how large the arrays are; at most one of them.
struct SizeKeys {
  bool share = false;
  bool bytes = false;
  bool l2_multiple = false;
};

SizeKeys read_size_keys(ParamReader& params) {
  const SizeKeys keys{params.has("share"), params.has("bytes"), params.has("l2_multiple")};
  if (int{keys.share} + int{keys.bytes} + int{keys.l2_multiple} > 1) {
    throw ParamError(keys.share ? "share" : "bytes",
                     "give only one of \"share\", \"bytes\" and \"l2_multiple\"");
  }
  return keys;
}

ArraySize array_size(ParamReader& params, const SizingContext& context, const PatternWork& work,
                     const SizeKeys& keys) {
  if (keys.bytes) {
    return explicit_bytes(params);
  }
  if (work.kind != Kind::stream) {
    if (keys.share || keys.l2_multiple) {
      throw ParamError(keys.share ? "share" : "l2_multiple",
                       std::string(work.name) + " has a size of its own and takes \"bytes\" only");
    }
    return own_size(work.pattern, context);
  }
  return keys.l2_multiple ? multiple_of_l2(params, context)
                          : share_of_memory(params, context, work.arrays());
}

std::vector<std::string> stream_names() {
  std::vector<std::string> names;
  for (const PatternWork& work : patterns()) {
    if (work.kind == Kind::stream) {
      names.emplace_back(work.name);
    }
  }
  return names;
}

/// Types that make a difference for a pattern: those that only move bytes have one.
std::vector<ElementType> types_of(Pattern pattern, const std::vector<std::string>& names) {
  if (pattern != Pattern::scale && pattern != Pattern::add && pattern != Pattern::triad) {
    return {ElementType::fp32};
  }
  std::vector<ElementType> types;
  for (const std::string& name : names) {
    types.push_back(element_type_from("type", name));
  }
  return types;
}

}  // namespace

std::vector<PlannedProblem> plan_memory(ParamReader& params, const SizingContext& context) {
  constexpr std::uint64_t kRounds = 32;
  const SizeKeys keys = read_size_keys(params);
  const std::vector<std::string> types = params.texts_or("type", {"fp32"});
  const std::uint64_t rounds = positive(params, "rounds", kRounds);
  std::vector<PlannedProblem> problems;
  for (const std::string& name : params.texts_or("pattern", stream_names())) {
    const PatternWork& work = pattern_work(pattern_from(name));
    const ArraySize size = array_size(params, context, work, keys);
    MemoryShape shape{.pattern = work.pattern, .array_bytes = size.bytes};
    if (work.kind == Kind::l2_read) {
      shape.rounds = rounds;
    }
    if (work.kind == Kind::chase) {
      shape.accesses = positive(params, "accesses", own_accesses(work.pattern));
    }
    for (const ElementType type : types_of(work.pattern, types)) {
      shape.type = type;
      problems.push_back({std::make_shared<MemoryProblem>(shape), size.reason});
    }
  }
  return problems;
}

}  // namespace rackproof::kernels::memory
