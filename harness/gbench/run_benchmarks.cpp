// The only file that includes benchmark.h (with compatibility.hpp).
#include "harness/gbench/run_benchmarks.hpp"

#include "harness/gbench/compatibility.hpp"
#include "harness/gbench/flags.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>

namespace rackproof::harness::gbench {
namespace {

/// Our own progress and tables are shown instead; ranks other than the root show nothing.
class SilentReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& /*context*/) override { return true; }
  void ReportRuns(const std::vector<Run>& /*runs*/) override {}
};

/// Runs one benchmark; an exception must not travel through the library.
void run_one(benchmark::State& state, const Registered& registered, std::exception_ptr& failure) {
  if (failure) {
    skip(state, "the run ended before this benchmark");
    return;
  }
  try {
    const Shown shown = registered.run();
    if (!shown.skipped.empty()) {
      skip(state, shown.skipped);
      return;
    }
    if (!shown.error.empty()) {
      state.SkipWithError(shown.error.c_str());
      return;
    }
    for ([[maybe_unused]] auto iteration : state) {
      state.SetIterationTime(shown.time_s);
    }
    for (const auto& [name, value] : shown.counters) {
      state.counters[name] = value;
    }
    state.SetLabel(shown.label);
  } catch (const std::exception& error) {
    failure = std::current_exception();
    state.SkipWithError(error.what());
  }
}

/// argc and argv for benchmark::Initialize.
void initialize(const Options& options) {
  std::vector<std::string> words{"rackproof"};
  for (const std::string& flag : options.flags) {
    const bool writes = flag.starts_with("--benchmark_out");
    // The filter has been applied already, equally on all ranks.
    if (!flag.starts_with("--benchmark_filter") && (options.is_root || !writes)) {
      words.push_back(flag);
    }
  }
  if (options.is_root && !flag_value(options.flags, "benchmark_out")) {
    words.push_back("--benchmark_out=" + options.json.string());
    words.emplace_back("--benchmark_out_format=json");
  }
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  benchmark::Initialize(&argc, argv.data());
}

}  // namespace

void run_benchmarks(const std::vector<Registered>& benchmarks, const Options& options) {
  if (benchmarks.empty()) {
    return;
  }
  initialize(options);
  for (const auto& [key, value] : options.context) {
    benchmark::AddCustomContext(key, value);
  }
  std::exception_ptr failure;
  for (const Registered& registered : benchmarks) {
    benchmark::RegisterBenchmark(
        registered.name.c_str(),
        [&registered, &failure](benchmark::State& state) { run_one(state, registered, failure); })
        ->Iterations(1)
        ->UseManualTime();
  }
  SilentReporter silent;
  const bool shows = options.is_root && flag_value(options.flags, "benchmark_format").has_value();
  // The library keeps its own reporter.
  benchmark::BenchmarkReporter* display =
      shows ? benchmark::CreateDefaultDisplayReporter() : &silent;
  benchmark::RunSpecifiedBenchmarks(display, nullptr, "all");
  benchmark::ClearRegisteredBenchmarks();
  benchmark::Shutdown();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

std::string library_version() {
  return RACKPROOF_BENCHMARK_VERSION;
}

}  // namespace rackproof::harness::gbench
