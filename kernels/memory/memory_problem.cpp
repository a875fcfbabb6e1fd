#include "kernels/memory/memory.hpp"
#include "kernels/memory/memory_kernel.hpp"

#include <algorithm>
#include <array>

namespace rackproof::kernels::memory {
namespace {

constexpr std::uint64_t kVectorBytes = 16;

constexpr std::array kPatterns{
    PatternWork{Pattern::copy, "copy", Kind::stream, 1, 1},
    PatternWork{Pattern::triad, "triad", Kind::stream, 2, 1},
    PatternWork{Pattern::read, "read", Kind::stream, 1, 0},
    PatternWork{Pattern::write, "write", Kind::stream, 0, 1},
    PatternWork{Pattern::scale, "scale", Kind::stream, 1, 1},
    PatternWork{Pattern::add, "add", Kind::stream, 2, 1},
    PatternWork{Pattern::l2_read, "l2_read", Kind::l2_read, 1, 0},
    PatternWork{Pattern::latency_l1, "latency_l1", Kind::chase, 1, 0},
    PatternWork{Pattern::latency_l2, "latency_l2", Kind::chase, 1, 0},
    PatternWork{Pattern::latency_hbm, "latency_hbm", Kind::chase, 1, 0},
};
static_assert(
    [] {
      for (std::size_t i = 0; i < kPatterns.size(); ++i) {
        if (static_cast<std::size_t>(kPatterns[i].pattern) != i) {
          return false;
        }
      }
      return true;
    }(),
    "pattern_work() looks a pattern up by its number");

std::uint64_t round_up(std::uint64_t value, std::uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool computes(Pattern pattern) {
  return pattern == Pattern::scale || pattern == Pattern::add || pattern == Pattern::triad;
}

}  // namespace

const PatternWork& pattern_work(Pattern pattern) {
  return kPatterns.at(static_cast<std::size_t>(pattern));
}

std::span<const PatternWork> patterns() {
  return kPatterns;
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

MemoryProblem::MemoryProblem(const MemoryShape& shape) : shape_(shape) {
  if (shape.array_bytes == 0) {
    throw ParamError("bytes", "must be above 0");
  }
  if (shape.type != ElementType::fp32 && shape.type != ElementType::fp64) {
    throw ParamError("type",
                     "must be fp32 or fp64, found '" + std::string(to_string(shape.type)) + "'");
  }
  if (shape.type != ElementType::fp32 && !computes(shape.pattern)) {
    throw ParamError("type", "only scale, add and triad compute; the others move bytes");
  }
  if (shape.rounds == 0 || (kind() != Kind::l2_read && shape.rounds != 1)) {
    throw ParamError("rounds", "is for l2_read, and at least 1");
  }
  if (kind() == Kind::chase) {
    constexpr std::uint64_t kMostNodes = std::uint64_t{1} << 32;
    shape_.array_bytes = round_up(shape.array_bytes, kNodeBytes);
    if (shape_.array_bytes < 2 * kNodeBytes || shape_.array_bytes / kNodeBytes > kMostNodes) {
      throw ParamError("bytes",
                       "a chase needs 2 to 2^32 nodes of " + std::to_string(kNodeBytes) + " bytes");
    }
    if (shape.accesses == 0) {
      throw ParamError("accesses", "must be above 0");
    }
    shape_.accesses = round_up(shape.accesses, kChaseUnroll);
  } else {
    shape_.array_bytes = round_up(shape.array_bytes, kVectorBytes);
    if (shape.accesses != 0) {
      throw ParamError("accesses", "is for latency_l1, latency_l2 and latency_hbm");
    }
  }
}

std::string MemoryProblem::name() const {
  std::string name = "memory/" + std::string(pattern_work(pattern()).name) + "/b" +
                     std::to_string(shape_.array_bytes);
  if (shape_.type != ElementType::fp32) {
    name += '/';
    name += to_string(shape_.type);
  }
  if (kind() == Kind::l2_read) {
    name += "/rounds" + std::to_string(shape_.rounds);
  }
  if (kind() == Kind::chase) {
    name += "/n" + std::to_string(shape_.accesses);
  }
  return name;
}

ParamMap MemoryProblem::params() const {
  ParamMap params{{"pattern", std::string(pattern_work(pattern()).name)},
                  {"array_bytes", static_cast<std::int64_t>(shape_.array_bytes)},
                  {"arrays_read", std::int64_t{pattern_work(pattern()).arrays_read}},
                  {"arrays_written", std::int64_t{pattern_work(pattern()).arrays_written}}};
  if (computes(pattern())) {
    params.emplace("type", std::string(to_string(shape_.type)));
  }
  if (kind() == Kind::l2_read) {
    params.emplace("rounds", static_cast<std::int64_t>(shape_.rounds));
  }
  if (kind() == Kind::chase) {
    params.emplace("accesses", static_cast<std::int64_t>(shape_.accesses));
    params.emplace("node_bytes", static_cast<std::int64_t>(kNodeBytes));
    params.emplace("inputs", std::string("random cyclic permutation, seeded"));
  } else {
    params.emplace("inputs", std::string(kInputDistribution));
  }
  return params;
}

Work MemoryProblem::work() const {
  if (kind() == Kind::chase) {
    // A node moves as one sector of 32 bytes, at least; what one launch visits, it visits once.
    constexpr std::uint64_t kSectorBytes = 32;
    const std::uint64_t nodes = std::min(shape_.accesses, shape_.array_bytes / kNodeBytes);
    return {.flops = 0,
            .bytes = static_cast<double>(nodes * kSectorBytes),
            .accesses = static_cast<double>(shape_.accesses)};
  }
  return {.flops = 0,
          .bytes = static_cast<double>(pattern_work(pattern()).arrays()) *
                   static_cast<double>(shape_.array_bytes) * static_cast<double>(shape_.rounds),
          .accesses = 0};
}

std::uint64_t MemoryProblem::footprint_bytes() const {
  // A chase brings the order of its nodes to the device, to link them.
  const std::uint64_t order_bytes =
      kind() == Kind::chase ? shape_.array_bytes / kNodeBytes * sizeof(std::uint32_t) : 0;
  return static_cast<std::uint64_t>(pattern_work(pattern()).arrays()) * shape_.array_bytes +
         order_bytes;
}

std::string MemoryProblem::no_roofline() const {
  switch (kind()) {
    case Kind::stream:
      return {};
    case Kind::l2_read:
      return "no datasheet of configs/racks states an L2 bandwidth";
    case Kind::chase:
      return "a latency has no datasheet bound";
  }
  throw std::invalid_argument("not a Kind");
}

bool MemoryProblem::wants_warm_l2() const {
  return kind() == Kind::l2_read || pattern() == Pattern::latency_l1 ||
         pattern() == Pattern::latency_l2;
}

}  // namespace rackproof::kernels::memory
