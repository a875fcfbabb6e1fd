#pragma once
/// The counts that a commit is compared with: results/baselines/work/<operation>.json, whose form
/// is configs/schema/work.schema.json.

#include "harness/work/metrics.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace rackproof::harness::work {

/// Counts of one problem as a baseline holds them; `values` in the order of metrics().
struct BaselineEntry {
  std::string name;
  std::string variant;
  kernels::Work minimum;
  std::vector<double> values;
  /// Rules that this kernel may break up to its counts, each with the reason; written by hand.
  std::map<std::string, std::string> accepted;
};
[[nodiscard]] BaselineEntry baseline_entry(const Entry& entry);

struct Baseline {
  std::string operation;
  std::string rack;  ///< emulated when the counts were taken: sizes and grids follow from it
  std::string cuda_compiler;  ///< whose PTX and registers were counted
  std::vector<BaselineEntry> problems;
};

[[nodiscard]] std::filesystem::path baseline_file(const std::filesystem::path& folder,
                                                  const std::string& operation);

/// Throws config::ConfigError with the place for a file that is not of the schema.
[[nodiscard]] Baseline read_baseline(const std::filesystem::path& file);

/// Throws record::WriteError.
void write_baseline(const Baseline& baseline, const std::filesystem::path& folder);

/// What became of one problem since its baseline.
enum class Verdict : std::uint8_t {
  equal,
  better,   ///< no count is worse, one or more are better
  worse,    ///< one or more counts are worse
  changed,  ///< another problem or variant under the same name: counts cannot be compared
  added,    ///< not in the baseline
  gone,     ///< in the baseline only
};
[[nodiscard]] const char* to_string(Verdict verdict);
/// Whether `rackproof work` fails for it.
[[nodiscard]] bool fails(Verdict verdict);

struct Comparison {
  std::string name;
  Verdict verdict = Verdict::equal;
  std::vector<std::string> differences;  ///< "warp_instructions 1200 -> 1300 (+8.33 %)"
};

/// Each of `entries` in order, then what is in the baseline only.
[[nodiscard]] std::vector<Comparison> compare(const std::vector<Entry>& entries,
                                              const std::vector<BaselineEntry>& baseline);

}  // namespace rackproof::harness::work
