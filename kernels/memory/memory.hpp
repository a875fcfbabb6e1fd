#pragma once
/// Device-memory bandwidth: copy a = b, triad a = b + s * c, and a read-only reduction.
///
/// Arrays hold fp32 values, 16-byte aligned and a multiple of 16 bytes long. Bytes are compulsory
/// traffic: each array read or written once (a write that first reads its line would be the
/// hardware's excess, not work).

#include "kernels/operation.hpp"

#include <cstdint>
#include <string_view>

namespace rackproof::kernels::memory {

enum class Pattern : std::uint8_t { copy, triad, read };

/// One row of the work table: the only place that says what a pattern moves.
struct PatternWork {
  Pattern pattern;
  std::string_view name;
  int arrays_read;
  int arrays_written;
  [[nodiscard]] constexpr int arrays() const { return arrays_read + arrays_written; }
};
[[nodiscard]] const PatternWork& pattern_work(Pattern pattern);
/// Throws ParamError on "pattern" for an unknown name, listing the known ones.
[[nodiscard]] Pattern pattern_from(std::string_view name);

/// The scalar s of the triad: not a power of two, so that the multiplication rounds.
inline constexpr float kTriadScalar = 0.4F;

class MemoryProblem final : public Problem {
 public:
  /// `array_bytes` is rounded up to 16. Throws ParamError on "bytes" if it is not above 0.
  MemoryProblem(Pattern pattern, std::uint64_t array_bytes);

  [[nodiscard]] Pattern pattern() const { return pattern_; }
  [[nodiscard]] std::uint64_t array_bytes() const { return array_bytes_; }

  /// "memory/copy/b268435456": pattern and bytes of one array.
  [[nodiscard]] std::string name() const override;
  [[nodiscard]] ParamMap params() const override;
  [[nodiscard]] Work work() const override;
  [[nodiscard]] ThroughputUnit unit() const override { return ThroughputUnit::gb_per_s; }
  [[nodiscard]] std::string_view peak() const override { return {}; }
  /// One buffer set; rotated sets add at most PrepareOptions::rotate_beyond_bytes.
  [[nodiscard]] std::uint64_t footprint_bytes() const override;

 private:
  Pattern pattern_;
  std::uint64_t array_bytes_;
};

/// Requests: {"pattern": "copy" | "triad" | "read" or a list, and one of "share" (all arrays
/// together, of free device memory), "bytes" (each array), "l2_multiple" (each array)}.
[[nodiscard]] const Operation& memory_operation();

}  // namespace rackproof::kernels::memory
