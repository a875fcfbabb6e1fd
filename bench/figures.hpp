#pragma once
/// The figures that the benchmark prints, and what they should be.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rackproof::bench {

/// One figure and its target on one core.
struct Figure {
  std::string_view name;
  std::string_view unit;
  double target = 0;
  bool higher_is_better = true;
  /// Measured again with checks on, which may make it this much worse.
  bool compared_with_checks = true;

  [[nodiscard]] bool met(double value) const {
    return higher_is_better ? value >= target : value <= target;
  }
  /// How many times worse `value` is than `other`.
  [[nodiscard]] double times_worse(double value, double other) const {
    return higher_is_better ? other / value : value / other;
  }
};
inline constexpr double kChecksMaySlowDown = 6;

[[nodiscard]] const std::vector<Figure>& figures();

/// Values by the figure's name, as one process measured them.
using Values = std::map<std::string, double, std::less<>>;

/// Prints the table; true if every figure meets its target.
bool print_comparison(const Values& checks_off, const Values& checks_on, const Values& two_threads);

/// How much work a run does; a smoke run only proves that the benchmark works.
struct Effort {
  bool is_smoke = false;
  [[nodiscard]] unsigned scaled(unsigned full, unsigned smoke) const {
    return is_smoke ? smoke : full;
  }
};

// Each registers its benchmarks with Google Benchmark; the counter "figure" holds the value.
void register_loop_figures(const Effort& effort);
void register_gemm_figures(const Effort& effort);
void register_parse_figures(const Effort& effort);
void register_process_figures(const Effort& effort);
inline constexpr const char* kFigureCounter = "figure";

}  // namespace rackproof::bench
