#pragma once
/// Device-memory bandwidth (read, write, copy, scale, add, triad), L2 bandwidth, and the latency of
/// L1, L2 and device memory by pointer chase.
///
/// Bytes by the convention of STREAM (McCalpin 1995) and BabelStream: each array counts once for
/// each time it is read and once for each time it is written. A write that first reads its line
/// would be the hardware's excess, not work.

#include "kernels/common/element_type.hpp"
#include "kernels/operation.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace rackproof::kernels::memory {

enum class Pattern : std::uint8_t {
  copy,
  triad,
  read,
  write,
  scale,
  add,
  l2_read,
  latency_l1,
  latency_l2,
  latency_hbm
};

/// What is measured, and by which kind of kernel.
enum class Kind : std::uint8_t {
  stream,   ///< device memory: every array passes once
  l2_read,  ///< one array that fits in the L2, read again and again
  chase     ///< one thread follows pointers: latency
};

/// One row of the work table: the only place that says what a pattern moves.
struct PatternWork {
  Pattern pattern;
  std::string_view name;
  Kind kind;
  int arrays_read;
  int arrays_written;
  [[nodiscard]] constexpr int arrays() const { return arrays_read + arrays_written; }
};
[[nodiscard]] const PatternWork& pattern_work(Pattern pattern);
[[nodiscard]] std::span<const PatternWork> patterns();
/// Throws ParamError on "pattern" for an unknown name, listing the known ones.
[[nodiscard]] Pattern pattern_from(std::string_view name);

/// The scalar s of scale and triad: not a power of two, so that the multiplication rounds.
inline constexpr float kScalar = 0.4F;

/// Distance of the nodes of a pointer chase: one to a 128-byte line, so that no access finds what
/// another brought.
inline constexpr std::uint64_t kNodeBytes = 128;

struct MemoryShape {
  Pattern pattern = Pattern::copy;
  std::uint64_t array_bytes = 0;         ///< of one array
  ElementType type = ElementType::fp32;  ///< fp32 or fp64, of streams that compute
  std::uint64_t rounds = 1;              ///< l2_read: how often one launch reads the array
  std::uint64_t accesses = 0;            ///< chases: pointers that one launch follows
};

class MemoryProblem final : public Problem {
 public:
  /// `array_bytes` is rounded up to 16, of a chase to whole nodes. Throws ParamError naming the
  /// field that is out of range.
  explicit MemoryProblem(const MemoryShape& shape);
  MemoryProblem(Pattern pattern, std::uint64_t array_bytes)
      : MemoryProblem(MemoryShape{.pattern = pattern, .array_bytes = array_bytes}) {}

  [[nodiscard]] const MemoryShape& shape() const { return shape_; }
  [[nodiscard]] Pattern pattern() const { return shape_.pattern; }
  [[nodiscard]] Kind kind() const { return pattern_work(shape_.pattern).kind; }
  [[nodiscard]] std::uint64_t array_bytes() const { return shape_.array_bytes; }

  /// "memory/copy/b268435456": pattern and bytes of one array; then "/fp64", "/rounds16" or
  /// "/n65536" accesses where the pattern has them.
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override {
    return kind() == Kind::chase ? ThroughputUnit::ns_per_access : ThroughputUnit::gb_per_s;
  }
  [[nodiscard]] std::string_view peak() const override { return {}; }
  /// One buffer set; rotated sets add at most PrepareOptions::rotate_beyond_bytes.
  [[nodiscard]] std::uint64_t footprint_bytes() const override;
  [[nodiscard]] std::string no_roofline() const override;
  /// A chase through device memory goes on where the last launch stopped; it needs no rotation to
  /// be cold.
  [[nodiscard]] bool wants_warm_l2() const override;
  [[nodiscard]] bool rotates() const { return kind() == Kind::stream; }

 private:
  MemoryShape shape_;
};

/// Requests: {"pattern": a name of patterns() or a list (default: the streams), "type": "fp32" |
/// "fp64" or a list, and at most one size: "share" (all arrays together, of free device memory),
/// "bytes" (each array), "l2_multiple" (each array). l2_read and the chases have sizes of their
/// own and take "bytes" only; "rounds" and "accesses" overrule theirs.
[[nodiscard]] const Operation& memory_operation();

}  // namespace rackproof::kernels::memory
