#include "kernels/memory/memory.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::memory {
namespace {

constexpr std::uint64_t kVectorBytes = 16;

constexpr std::array kPatterns{
    PatternWork{.pattern = Pattern::copy, .name = "copy", .arrays_read = 1, .arrays_written = 1},
    PatternWork{.pattern = Pattern::triad, .name = "triad", .arrays_read = 2, .arrays_written = 1},
    PatternWork{.pattern = Pattern::read, .name = "read", .arrays_read = 1, .arrays_written = 0},
};

}  // namespace

const PatternWork& pattern_work(Pattern pattern) {
  return kPatterns.at(static_cast<std::size_t>(pattern));
}

Pattern pattern_from(std::string_view name) {
  std::string known;
  for (const PatternWork& candidate : kPatterns) {
    if (candidate.name == name) {
      return candidate.pattern;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate.name);
  }
  throw ParamError("pattern", "unknown pattern '" + std::string(name) + "'; known: " + known);
}

MemoryProblem::MemoryProblem(Pattern pattern, std::uint64_t array_bytes)
    : pattern_(pattern),
      array_bytes_((array_bytes + kVectorBytes - 1) / kVectorBytes * kVectorBytes) {
  if (array_bytes == 0) {
    throw ParamError("bytes", "must be above 0");
  }
}

std::string MemoryProblem::name() const {
  return "memory/" + std::string(pattern_work(pattern_).name) + "/b" + std::to_string(array_bytes_);
}

ParamMap MemoryProblem::params() const {
  return {{"pattern", std::string(pattern_work(pattern_).name)},
          {"array_bytes", static_cast<std::int64_t>(array_bytes_)},
          {"arrays_read", std::int64_t{pattern_work(pattern_).arrays_read}},
          {"arrays_written", std::int64_t{pattern_work(pattern_).arrays_written}},
          {"inputs", std::string(kInputDistribution)}};
}

Work MemoryProblem::work() const {
  return {.flops = 0,
          .bytes = static_cast<double>(pattern_work(pattern_).arrays()) *
                   static_cast<double>(array_bytes_)};
}

std::uint64_t MemoryProblem::footprint_bytes() const {
  return static_cast<std::uint64_t>(pattern_work(pattern_).arrays()) * array_bytes_;
}

}  // namespace rackproof::kernels::memory
