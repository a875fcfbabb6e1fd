#pragma once
/// The planned benchmarks as Google Benchmark's: it runs them and writes its own JSON.

#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace rackproof::harness::gbench {

/// What Google Benchmark shows of one benchmark.
struct Shown {
  double time_s = 0;  ///< median
  std::vector<std::pair<std::string, double>> counters;
  std::string label;
  std::string error;    ///< wrong or failed; empty otherwise
  std::string skipped;  ///< why it was not run; empty otherwise
};

struct Registered {
  std::string name;
  std::function<Shown()> run;  ///< called once
};

struct Options {
  std::vector<std::string> flags;  ///< checked by check_flags()
  bool is_root = true;             ///< only the root shows anything and writes files
  std::filesystem::path json;      ///< where Google Benchmark's JSON goes
  std::map<std::string, std::string> context;
};

/// Runs all in order, equally on all ranks. When one throws, the others are skipped and the
/// exception leaves this function.
void run_benchmarks(const std::vector<Registered>& benchmarks, const Options& options);

/// "1.7.1": the version that was found when this was built.
[[nodiscard]] std::string library_version();

}  // namespace rackproof::harness::gbench
